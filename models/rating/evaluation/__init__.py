"""How good ratings are, beside others', and what the network does with sounds that are no music."""
