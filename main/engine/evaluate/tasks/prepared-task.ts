import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { Pace } from '../../runtime/pace.ts';
import { questionsOf, type Question } from './questions.ts';
import { RequestEncoder, type QuestionTree } from './requests.ts';
import type { Task } from './task.ts';
import { hashOfFiles, readTaskRows, type TaskFiles } from './task-data.ts';

/** Questions between two breaths: some milliseconds of rendering or encoding. */
const questionsABreath = 32;

/** A task with its data read and put into words: the same for every model that it is asked of. */
export class PreparedTask {
  private encoded: readonly QuestionTree[] | undefined;

  private constructor(
    readonly task: Task,
    readonly questions: readonly Question[],
    /** Questions that the data holds. */
    readonly available: number,
    readonly dataSha256: string,
  ) {}

  /** @throws EngineError as readTaskRows and questionsOf; row-invalid. */
  static async read(
    task: Task,
    files: TaskFiles,
    { fewShot, limit }: { readonly fewShot: number; readonly limit: number | null },
  ): Promise<PreparedTask> {
    const rows = await readTaskRows(task, files.questions);
    const examples = await readTaskRows(task, files.examples);
    const asked = questionsOf(task, rows.slice(0, limit ?? rows.length), examples, fewShot);
    const dataSha256 = await hashOfFiles([...files.questions, ...files.examples]);
    return new PreparedTask(task, asked, rows.length, dataSha256);
  }

  /** Characters that a model has to read. */
  get characters(): number {
    return this.questions.reduce(
      (total, { pairs }) =>
        total +
        pairs[0].context.length +
        pairs.reduce((sum, { continuation }) => sum + continuation.length, 0),
      0,
    );
  }

  /**
   * The questions as token ids; encoded once, as a pruned model has its original's tokenizer.
   * @throws EngineError row-invalid, tokenizer-mismatch.
   */
  async trees(
    tokenizer: Tokenizer,
    maxPositions: number,
    bos: boolean,
    pace: Pace,
  ): Promise<readonly QuestionTree[]> {
    if (this.encoded) return this.encoded;
    const encoder = new RequestEncoder(tokenizer, maxPositions, bos);
    const trees: QuestionTree[] = [];
    for (const [i, question] of this.questions.entries()) {
      trees.push(encoder.encode(question));
      if (i % questionsABreath !== 0) continue;
      await pace.breathe();
      pace.report(i / this.questions.length);
    }
    this.encoded = trees;
    return trees;
  }
}
