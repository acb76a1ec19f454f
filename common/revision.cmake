cmake_minimum_required(VERSION 3.25)
# Writes OUT with the revision of SOURCE, only when it changed.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=10 --exclude=*
                OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
file(CONFIGURE OUTPUT ${OUT} CONTENT
"#include \"common/revision.hpp\"
namespace rsg {
const char* SourceRevision() { return \"@revision@\"; }
}
" @ONLY)
