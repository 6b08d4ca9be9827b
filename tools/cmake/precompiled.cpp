// What CMake hangs precompiled headers on (AtpPrecompile.cmake).
