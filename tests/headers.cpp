// Owns the precompiled headers of the tests; CMake builds it as a program, so it must be one.
int main() {}
