//! Whole reports, made of records as they stand in files.
