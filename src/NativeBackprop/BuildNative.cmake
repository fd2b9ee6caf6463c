# Configures and builds the release preset; run from the repository's root as
#     cmake [-DTARGET=all] -P src/NativeBackprop/BuildNative.cmake
# Silent when all is well. The lock keeps two builds of one tree apart.
cmake_minimum_required(VERSION 3.21)

get_filename_component(root "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
if(NOT DEFINED TARGET)
  set(TARGET nativebackprop)
endif()

file(MAKE_DIRECTORY "${root}/build")
file(LOCK "${root}/build/native.lock" GUARD PROCESS TIMEOUT 900)

function(run what)
  execute_process(COMMAND ${CMAKE_COMMAND} ${ARGN} WORKING_DIRECTORY "${root}"
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${what} failed (${status}):\n${output}")
  endif()
endfunction()

run("the check of line lengths" -P cmake/CheckLineLengths.cmake)
run("configure" --preset release)
cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
run("build" --build --preset release --target ${TARGET} --parallel ${cores})
