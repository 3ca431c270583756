"""The few things every room needs: settings, clock, money, pii, the lake, the warehouse opener."""
