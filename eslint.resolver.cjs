'use strict';

const path = require('node:path');

/**
 * Resolves the imports of own files for eslint-plugin-boundaries by their text alone: every one is relative and carries
 * its extension, so the directions are judged the same whether or not the other file exists yet.
 */
module.exports = {
  interfaceVersion: 2,
  /**
   * @param {string} specifier
   * @param {string} importer
   */
  resolve(specifier, importer) {
    return specifier.startsWith('.')
      ? { found: true, path: path.resolve(path.dirname(importer), specifier) }
      : { found: false };
  },
};
