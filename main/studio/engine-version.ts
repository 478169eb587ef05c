/** Changes whenever a run of the same recipe may end in other bytes; part of every result's identity. */
export const engineVersion = '0.1.0';
