"""Music dreamt by the rating network: from white noise up the gradient of p, with and without a critic of realness."""
