"""Finding real partnerships from open data: tables, pair features, a learned ranker, and the
protocol that measures it.
"""
