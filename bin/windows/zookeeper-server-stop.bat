@echo off
"%~dp0ottla-run.bat" zookeeper-stop %*
