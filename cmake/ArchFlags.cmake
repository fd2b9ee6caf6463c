# Compile options, and the kernel units that the target's architecture has. Only the unit of an instruction set gets its flags: the
# rest of the library must run on any CPU.
include(CheckCSourceCompiles)
check_c_source_compiles("#if !defined(__x86_64__)\n#error not x86-64\n#endif\nint main(void) { return 0; }" NB_TARGET_IS_X86)

if(NOT CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
  message(FATAL_ERROR "nativebackprop needs gcc or clang (on Windows: mingw-w64 or clang), not ${CMAKE_C_COMPILER_ID}")
endif()

# gcc for Windows spills vectors to a stack that is aligned to 16 bytes only, with aligned moves (gcc bug 54412): have the assembler make
# them unaligned.
if(MINGW AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  include(CheckCCompilerFlag)
  check_c_compiler_flag(-Wa,-muse-unaligned-vector-move NB_HAVE_UNALIGNED_MOVES)
  if(NB_HAVE_UNALIGNED_MOVES)
    add_compile_options(-Wa,-muse-unaligned-vector-move)
  else()
    message(FATAL_ERROR "nativebackprop on Windows needs binutils 2.38 or later, or clang")
  endif()
endif()

function(nb_compile_options target)
  # -fno-math-errno: a square root is an instruction. -ffp-contract=off: a multiply and an add are fused where the source says v_fma and
  # nowhere else, whichever compiler is used.
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror -ffp-contract=off -fno-math-errno)
  if(NB_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  endif()
endfunction()

# The kernels, and what they ask of the CPU, as objects, which the library is made of and the test that compares their bits.
function(nb_add_kernels target)
  set(src ${PROJECT_SOURCE_DIR}/native/src)
  add_library(${target} OBJECT ${src}/kernels_scalar.c ${src}/cpu.c)
  nb_compile_options(${target})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/native/include)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
  # The scalar unit is the reference: one lane at a time, as written.
  set(scalar_flags -Os -fno-tree-vectorize)
  if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    set(scalar_flags -Os -fno-vectorize -fno-slp-vectorize)
  endif()
  set_source_files_properties(${src}/kernels_scalar.c PROPERTIES COMPILE_OPTIONS "${scalar_flags}")
  if(NB_TARGET_IS_X86)
    target_sources(${target} PRIVATE ${src}/kernels_scalar_fma.c ${src}/kernels_avx2.c ${src}/kernels_avx512.c)
    target_compile_definitions(${target} PUBLIC NB_WITH_X86)
    set_source_files_properties(${src}/kernels_scalar_fma.c PROPERTIES COMPILE_OPTIONS "${scalar_flags};-mfma")
    set_source_files_properties(${src}/kernels_avx2.c PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma")
    set_source_files_properties(${src}/kernels_avx512.c PROPERTIES
      COMPILE_OPTIONS "-mavx2;-mfma;-mavx512f;-mavx512dq;-mavx512bw;-mavx512vl")
  endif()
endfunction()
