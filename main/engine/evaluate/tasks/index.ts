import arcChallenge from '../../../../resources/tasks/arc_challenge.json' with { type: 'json' };
import arcEasy from '../../../../resources/tasks/arc_easy.json' with { type: 'json' };
import boolq from '../../../../resources/tasks/boolq.json' with { type: 'json' };
import hellaswag from '../../../../resources/tasks/hellaswag.json' with { type: 'json' };
import openbookqa from '../../../../resources/tasks/openbookqa.json' with { type: 'json' };
import piqa from '../../../../resources/tasks/piqa.json' with { type: 'json' };
import winogrande from '../../../../resources/tasks/winogrande.json' with { type: 'json' };
import { defineTask, type Task } from './task.ts';

/** In the order of the paper's tables. */
const tasks: readonly Task[] = [boolq, piqa, hellaswag, winogrande, arcEasy, arcChallenge, openbookqa].map(
  defineTask,
);

export const taskIds: readonly string[] = tasks.map(({ id }) => id);

/** The tasks whose mean is the average of the paper's tables. */
export const paperTaskIds: readonly string[] = [
  'boolq',
  'piqa',
  'hellaswag',
  'winogrande',
  'arc_easy',
  'arc_challenge',
  'openbookqa',
];

/** What a task goes by; its id where the studio does not bring it. */
export function taskName(id: string): string {
  return tasks.find((one) => one.id === id)?.name ?? id;
}

export function taskNamed(id: string): Task {
  const task = tasks.find((one) => one.id === id);
  if (!task) throw new RangeError(`There is no task "${id}".`);
  return task;
}
