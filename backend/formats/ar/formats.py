"""Arabic pages write Western digits, and these the way CLDR does (locale ar, digits latn)."""

DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
