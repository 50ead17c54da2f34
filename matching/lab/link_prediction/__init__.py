"""Finding real partnerships from open data: tables, features, a learned ranker, its protocol."""
