"""Tables: the panel-csv data set, and reading of CSV, TSV and Parquet."""
