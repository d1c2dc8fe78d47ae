# Compiler options: warnings, hardening, sanitizers. Linked by every target of ours.
add_library(pgpool_options INTERFACE)
add_library(pgpool_warnings INTERFACE)
target_compile_features(pgpool_options INTERFACE cxx_std_20)
target_link_libraries(pgpool_options INTERFACE Threads::Threads)

target_compile_options(pgpool_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow
  $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast -Wnon-virtual-dtor -Wconversion -Woverloaded-virtual>
  -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # false positives of GCC 12 (PR105651 and kin)
  target_compile_options(pgpool_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wsuggest-override> -Wno-restrict
    -Wno-error=maybe-uninitialized)
endif()
if(PGPOOL_WERROR)
  target_compile_options(pgpool_warnings INTERFACE -Werror)
endif()

if(PGPOOL_HARDEN)
  target_compile_options(pgpool_options INTERFACE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS -fstack-protector-strong -fPIE)
  target_link_options(pgpool_options INTERFACE -pie -Wl,-z,relro,-z,now)
endif()

if(PGPOOL_SANITIZE)
  target_compile_options(pgpool_options INTERFACE -fsanitize=${PGPOOL_SANITIZE} -fno-omit-frame-pointer -O1 -g1
    -fno-sanitize-recover=all)
  # A fifth of the time of compiling. AddressSanitizer stops at null pointers all the same, the fuzzers check both.
  if(PGPOOL_SANITIZE MATCHES undefined)
    target_compile_options(pgpool_options INTERFACE -fno-sanitize=null,alignment)
  endif()
  target_link_options(pgpool_options INTERFACE -fsanitize=${PGPOOL_SANITIZE})
endif()
if(PGPOOL_FUZZ)
  target_compile_options(pgpool_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -O1 -g1
    -fno-sanitize-recover=all)
  target_link_options(pgpool_options INTERFACE -fsanitize=address,undefined)
endif()
