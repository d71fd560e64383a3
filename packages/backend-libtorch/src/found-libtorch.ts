/** A libtorch on this machine, its version read before anything of it was opened. */
export interface FoundLibtorch {
  /** Who named it: the option, `LIBTORCH`, the active virtual environment, `python3`, the system. */
  readonly from: 'option' | 'LIBTORCH' | 'virtual environment' | 'python3' | 'system'
  /** Absolute path of the torch root: for pip `site-packages/torch`, with `lib/` and `include/`. */
  readonly root: string
  /** Absolute path of the folder that holds `libtorch_cpu.so` (`.dylib`, `.dll`). */
  readonly libraryFolder: string
  /** Such as `2.13.0+cpu` or `1.13.1`. */
  readonly version: string
  /** GLIBCXX_USE_CXX11_ABI of the build; null: not known. */
  readonly cxx11Abi: boolean | null
  /** Such as `13.0`; null: a CPU build. */
  readonly cuda: string | null
}
