import { clock } from './quantities.ts';

const barWidth = 28;

/** Progress on stderr: one line that is drawn over on a terminal, one line a stage elsewhere. */
export class ProgressLine {
  private drawn = false;
  private detail = '';

  constructor(private readonly stream: NodeJS.WriteStream = process.stderr) {}

  stage(name: string): void {
    this.detail = '';
    if (this.stream.isTTY) this.draw(name, 0, null);
    else this.stream.write(`${name}\n`);
  }

  progress(name: string, fraction: number, timeLeftMs: number | null): void {
    if (this.stream.isTTY) this.draw(name, fraction, timeLeftMs);
  }

  /** What is shown behind the bar from the next progress on. */
  tell(detail: string): void {
    this.detail = detail;
  }

  /** A line that stays, above the bar. */
  note(text: string): void {
    this.clear();
    this.stream.write(`${text}\n`);
  }

  /** Removes the bar, so that what follows starts on a clean line. */
  clear(): void {
    if (this.drawn) this.stream.write('\r\u001b[2K');
    this.drawn = false;
  }

  private draw(name: string, fraction: number, timeLeftMs: number | null): void {
    const filled = Math.round(fraction * barWidth);
    const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled);
    const left = timeLeftMs === null ? '' : `  ${clock(timeLeftMs)} left`;
    this.stream.write(
      `\r\u001b[2K${name.padEnd(18)} ${bar} ${String(Math.round(100 * fraction)).padStart(3)} %${left}  ${this.detail}`.trimEnd(),
    );
    this.drawn = true;
  }
}
