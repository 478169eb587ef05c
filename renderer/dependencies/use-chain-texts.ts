import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { ChainMember, ChainVertex, Place } from '../../preload/dependency-contract.ts';
import { useFormats } from '../language/use-formats.ts';
import type en from '../locales/en.json';

type OpName = keyof (typeof en)['dependencies']['ops'];
type LockName = keyof (typeof en)['dependencies']['locks'];

/** More ranges than these are counted, not written. */
const writtenRanges = 3;

type Indices = Pick<ChainMember, 'shape' | 'dim' | 'ranges'>;

export interface ChainTexts {
  readonly place: (place: ChainVertex['place']) => string;
  /** What a vertex is called: its weight, its op, or its layers. */
  readonly vertex: (vertex: ChainVertex) => string;
  /** The same in few letters: the last part of a weight's name. */
  readonly shortName: (vertex: ChainVertex) => string;
  readonly op: (op: string) => string;
  /** `rows 4–7`. */
  readonly indices: (member: Indices) => string;
  /** `2,048 × 160`, the axes that are known only when the network runs by their names. */
  readonly shape: (shape: ChainMember['shape']) => string;
  /** What goes of a vertex, in a few words. */
  readonly goes: (vertex: ChainVertex) => string;
  /** Why an axis is locked: the engine's own words where the language has none for them. */
  readonly lock: (reason: string) => string;
}

/** How many indices lie in ranges. */
const countOf = (ranges: ChainMember['ranges']): number =>
  ranges.reduce((total, [from, to]) => total + to - from, 0);

/** The names of what is in a chain, in the language on screen. */
export function useChainTexts(): ChainTexts {
  const { t, i18n } = useTranslation();
  const formats = useFormats();
  return useMemo(() => {
    const one = (place: Place): string =>
      typeof place === 'number' ? t('map.layerNumber', { layer: place }) : t(`dependencies.places.${place}`);
    const place: ChainTexts['place'] = (of) => {
      if (!Array.isArray(of)) return one(of);
      const [first, last] = of;
      return first === last ? one(first) : t('dependencies.layersFromTo', { first, last });
    };
    const op = (name: string): string =>
      i18n.exists(`dependencies.ops.${name}`) ? t(`dependencies.ops.${name as OpName}`) : name;
    const rangesText = (ranges: ChainMember['ranges']): string => {
      const written = ranges
        .slice(0, writtenRanges)
        .map(([from, to]) => (to - from === 1 ? String(from) : `${from}–${to - 1}`))
        .join(', ');
      if (ranges.length <= writtenRanges) return written;
      return t('dependencies.moreRanges', { written, count: formats.count(countOf(ranges)) });
    };
    const indices: ChainTexts['indices'] = ({ shape, dim, ranges }) => {
      const side = sideOf(shape.length, dim);
      const isOne = countOf(ranges) === 1;
      return t(`dependencies.indices.${side}${isOne ? 'One' : 'Many'}`, { ranges: rangesText(ranges) });
    };
    const vertex: ChainTexts['vertex'] = (of) => {
      if (Array.isArray(of.place)) return place(of.place);
      return of.params[0]?.label.replace(/\.weight$/, '') ?? op(of.op);
    };
    return {
      place,
      op,
      indices,
      vertex,
      shortName: (of) => vertex(of).split('.').at(-1) ?? '',
      shape: (shape) =>
        shape
          .map((size) =>
            typeof size === 'number'
              ? formats.count(size)
              : t(`dependencies.${size === 'batch' ? 'batch' : 'sequence'}`),
          )
          .join(' × '),
      goes: (of) => {
        const member = of.params[0] ?? of.activation;
        return member === undefined || member === null ? '' : indices(member);
      },
      lock: (reason) => {
        const name = reason.replaceAll(' ', '-').toLowerCase();
        return i18n.exists(`dependencies.locks.${name}`)
          ? t(`dependencies.locks.${name as LockName}`)
          : reason;
      },
    };
  }, [t, i18n, formats]);
}

/** What the indices of a dimension are called: a weight has rows and columns, everything else indices. */
function sideOf(rank: number, dim: number): 'row' | 'column' | 'index' {
  if (rank !== 2) return 'index';
  return dim === 0 ? 'row' : 'column';
}
