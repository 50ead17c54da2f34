"""What staff decide about suggestions, before and beside the two sides: release policy, bars, pairs
proposed by hand.
"""
