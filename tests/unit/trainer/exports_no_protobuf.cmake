# libtorch_cpu.so has a google::protobuf of its own. A program that exported ours would replace it inside LibTorch, and
# one that imported it would run with LibTorch's old one: neither must happen. Run with -DNM=nm -DPROGRAM=file.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND ${NM} --dynamic ${PROGRAM} OUTPUT_VARIABLE symbols RESULT_VARIABLE failed)
if(failed OR NOT symbols MATCHES "__libc_start_main")
  message(FATAL_ERROR "cannot read the dynamic symbols of ${PROGRAM} with ${NM}")
endif()
string(REGEX MATCHALL "[^\n]*(6google8protobuf|3rsg2v1)[^\n]*" found "${symbols}")
if(found)
  list(JOIN found "\n" found)
  message(FATAL_ERROR "${PROGRAM} shares protobuf symbols with libtorch_cpu.so:\n${found}")
endif()
