/**
 * How every bundle is made: for the oldest Node that the product supports, with packages left to node_modules.
 *
 * @satisfies {import('esbuild').BuildOptions}
 */
export const bundleOptions = {
  bundle: true,
  format: /** @type {const} */ ('esm'),
  platform: /** @type {const} */ ('node'),
  target: 'node20',
  packages: /** @type {const} */ ('external'),
};
