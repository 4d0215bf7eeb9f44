"""What tests/bench/run is made of: one noun per file, one file per group of benchmarks."""
