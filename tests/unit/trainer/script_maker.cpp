// script_maker FILE: a TorchScript module for tests of programs, which cannot hold LibTorch and messages at once.
#include "script_file.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  rsg::trainer::SaveScript(rsg::trainer::SmallConvNet(), argv[1]);
}
