import { describe, expect, it } from 'vitest';
import { scaledMacs, change, grouped } from '../../../main/cli/quantities.ts';
import { formatsOf } from '../../../renderer/language/formats.ts';

const en = formatsOf('en');
const zh = formatsOf('zh-CN');
const de = formatsOf('de');

describe('formats', () => {
  it('shortens counts to three digits and B or M', () => {
    expect(en.shortCount(6_738_415_616)).toBe('6.74 B');
    expect(en.shortCount(2_869_920)).toBe('2.87 M');
    expect(zh.shortCount(70_553_706_496)).toBe('70.6 B');
    expect(en.shortCount(999)).toBe('999');
  });

  it('separates as the language does', () => {
    expect(en.count(6_738_415_616)).toBe('6,738,415,616');
    expect(de.count(6_738_415_616)).toBe('6.738.415.616');
    expect(de.percent(0.195)).toBe('19,5 %');
  });

  it('agrees with the table of the command line', () => {
    for (const value of [2_869_920, 195_219_456, 424_020_000_000]) {
      expect(en.count(value)).toBe(grouped(value));
      expect(en.macs(value).replaceAll(',', '')).toBe(scaledMacs(value));
    }
    for (const [before, after] of [
      [100, 80],
      [10.438138, 11.941164],
      [5, 5],
    ])
      expect(en.change(before, after)).toBe(change(before, after));
    expect(en.perplexity(10.438138206460405)).toBe((10.438138206460405).toPrecision(5));
  });

  it('gives durations in the largest unit that has a number to it', () => {
    const hour = 3_600_000;
    expect(en.duration(400)).toBe('1 second');
    expect(en.duration(80_000)).toBe('80 seconds');
    expect(en.duration(3 * hour)).toBe('3 hours');
    expect(en.duration(24 * 7 * 5 * hour)).toBe('5 weeks');
    expect(en.duration(24 * 365 * 2 * hour)).toBe('2 years');
    expect(zh.duration(24 * 7 * 5 * hour)).toBe('5周');
    expect([en.shortDuration(12), en.shortDuration(8230)]).toEqual(['12.0 ms', '8.23 s']);
  });

  it('gives bytes in binary units', () => {
    expect(en.bytes(512)).toBe('512 B');
    expect(en.bytes(5_739_840)).toBe('5.47 MiB');
    expect(en.bytes(412 * 2 ** 20)).toBe('412.0 MiB');
    expect(en.bytes(13_476_831_232)).toBe('12.55 GiB');
    expect(en.exactBytes(13_476_831_232)).toBe('13,476,831,232 B');
  });

  it('signs changes, and calls what rounds to nothing no change', () => {
    expect(en.change(100, 80.5)).toBe('−19.5 %');
    expect(en.change(100, 114.4)).toBe('+14.4 %');
    expect(en.change(1_000_000, 999_999)).toBe('±0.0 %');
  });

  it('writes scores of any magnitude', () => {
    expect(en.score(0.0123)).toBe('0.0123');
    expect(en.score(0)).toBe('0.00');
    expect(en.score(1.5e-7)).toBe('1.5E-7');
  });

  it('never rounds progress up to done', () => {
    expect(en.wholePercent(0.999)).toBe('99 %');
    expect(en.wholePercent(1)).toBe('100 %');
  });

  it('reads times as clocks', () => {
    expect(en.clock(75_000)).toBe('1:15');
    expect(en.clock(3_725_000)).toBe('1:02:05');
    expect(en.clock(-5)).toBe('0:00');
  });
});
