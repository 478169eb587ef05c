import type { RunStage } from '../../preload/contract.ts';
import { runStages } from './progress.ts';

/** A line of a run's log, taken apart as far as it can be. */
export type LogLine =
  | { readonly kind: 'stage'; readonly time: string; readonly stage: RunStage }
  | { readonly kind: 'metric'; readonly time: string; readonly name: string; readonly value: number }
  | { readonly kind: 'validation'; readonly time: string; readonly step: number; readonly loss: number }
  | { readonly kind: 'event'; readonly time: string; readonly type: LogEvent }
  | { readonly kind: 'text'; readonly time: string; readonly text: string };

const logEvents = ['started', 'resumed', 'finished', 'cancelled'] as const;
export type LogEvent = (typeof logEvents)[number];

/** Reads `<ISO time> <event as JSON, or words>`; a line of another form is kept as words. */
export function readLogLine(line: string): LogLine {
  const [, time = '', rest = line] = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (.*)$/s.exec(line) ?? [];
  const event = parseEvent(rest);
  const stage = runStages.find((known) => known === event?.['stage']);
  if (event?.['type'] === 'stage' && stage !== undefined) return { kind: 'stage', time, stage };
  if (event?.['type'] === 'metric' && typeof event['name'] === 'string' && typeof event['value'] === 'number')
    return { kind: 'metric', time, name: event['name'], value: event['value'] };
  const { step, loss } = event ?? {};
  if (event?.['type'] === 'validation' && typeof step === 'number' && typeof loss === 'number')
    return { kind: 'validation', time, step, loss };
  const type = logEvents.find((known) => known === event?.['type']);
  if (type !== undefined) return { kind: 'event', time, type };
  const message = event?.['message'];
  return { kind: 'text', time, text: typeof message === 'string' ? message : rest };
}

function parseEvent(text: string): Record<string, unknown> | null {
  if (!text.startsWith('{')) return null;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
}
