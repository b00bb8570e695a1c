@echo off
rem Finds the built binary and runs it: OTTLA_BINARY, beside this file, target\release, target\debug.
setlocal
for %%B in ("%OTTLA_BINARY%" "%~dp0ottla.exe" "%~dp0..\ottla.exe" "%~dp0..\..\target\release\ottla.exe" "%~dp0..\..\target\debug\ottla.exe") do (
  if not "%%~B"=="" if exist "%%~B" (
    "%%~B" %*
    exit /b
  )
)
echo error: the ottla binary is not built 1>&2
echo   hint: run cargo build --release in %~dp0..\.. 1>&2
exit /b 1
