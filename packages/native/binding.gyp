{
  # One static library for each set of processor flags, chosen among at run time (cc/SOURCES.md says which file wants what);
  # no -march=native: the addon runs on every machine of its architecture.
  "target_defaults": {
    "cflags_cc": ["-std=c++17", "-O3", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
    "xcode_settings": {
      "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
      "GCC_ENABLE_CPP_RTTI": "YES",
      "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
      "MACOSX_DEPLOYMENT_TARGET": "11.0",
      "OTHER_CPLUSPLUSFLAGS": ["-O3", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden"]
    }
  },
  "targets": [
    {
      "target_name": "limbeck_avx2",
      "type": "static_library",
      "sources": ["cc/conv-avx2.cc", "cc/simd_kernels.cc"],
      "defines": ["LIMBECK_SIMD_TABLE=kSimdAvx2"],
      "conditions": [
        ["target_arch=='x64'", {
          "cflags_cc": ["-mavx2", "-mfma"],
          "xcode_settings": { "OTHER_CPLUSPLUSFLAGS": ["-mavx2", "-mfma"] }
        }]
      ]
    },
    {
      "target_name": "limbeck_avx512",
      "type": "static_library",
      "sources": ["cc/conv-avx512.cc", "cc/simd_kernels.cc"],
      "defines": ["LIMBECK_SIMD_TABLE=kSimdAvx512"],
      "conditions": [
        ["target_arch=='x64'", {
          "cflags_cc": ["-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"],
          "xcode_settings": {
            "OTHER_CPLUSPLUSFLAGS": ["-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"]
          }
        }]
      ]
    },
    {
      "target_name": "limbeck_avx512_bfloat16",
      "type": "static_library",
      "sources": ["cc/conv-amx.cc", "cc/conv-avx512-bfloat16.cc"],
      "conditions": [
        ["target_arch=='x64'", {
          "cflags_cc": ["-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512bf16", "-mprefer-vector-width=512"],
          "xcode_settings": {
            "OTHER_CPLUSPLUSFLAGS": ["-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512bf16", "-mprefer-vector-width=512"]
          }
        }]
      ]
    },
    {
      "target_name": "limbeck",
      "sources": [
        "cc/amx.cc", "cc/binding.cc", "cc/binding_conv.cc", "cc/binding_elementwise.cc", "cc/binding_image.cc", "cc/binding_system.cc", "cc/call.cc", "cc/ceiling.cc",
        "cc/conv-neon.cc", "cc/conv-portable.cc", "cc/conv-scratch.cc", "cc/conv.cc", "cc/copy.cc", "cc/elementwise.cc", "cc/image.cc",
        "cc/isa.cc", "cc/memory.cc", "cc/pool.cc", "cc/reduce.cc", "cc/simd.cc", "cc/simd_kernels.cc"
      ],
      "defines": ["NAPI_VERSION=8", "LIMBECK_SIMD_TABLE=kSimdPortable"],
      "dependencies": ["limbeck_avx2", "limbeck_avx512", "limbeck_avx512_bfloat16"]
    }
  ]
}
