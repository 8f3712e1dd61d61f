"""Which fits better? What one listener's picks between pictures, or between pieces, teach about their own tie."""
