# cmake -DLIBRARY=... -DNM=... -P check_imports.cmake: what the library takes from others, which is nothing that rounds. The mathematical
# functions of one C library differ from those of another in their last bits.
cmake_minimum_required(VERSION 3.21)
set(allowed getenv memcpy memmove memset strcmp)

execute_process(COMMAND ${NM} -D --undefined-only ${LIBRARY} OUTPUT_VARIABLE symbols RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${NM} failed on ${LIBRARY}")
endif()
string(REGEX MATCHALL " [Uw] [A-Za-z0-9_]+" lines "${symbols}")
set(found)
foreach(line ${lines})
  string(REGEX REPLACE "^ . " "" name "${line}")
  if(NOT name MATCHES "^_" AND NOT name IN_LIST allowed) # the compiler's own begin with _
    list(APPEND found ${name})
  endif()
endforeach()

list(LENGTH lines count)
if(found OR count EQUAL 0)
  message(FATAL_ERROR "imported: [${found}], beyond [${allowed}], of ${count} symbols")
endif()
message("imports: ${count} symbols, none that rounds")
