@echo off
"%~dp0ottla-run.bat" reassign-partitions %*
