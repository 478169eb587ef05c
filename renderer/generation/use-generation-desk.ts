import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ComparedModel, Comparison } from '../../preload/comparison-contract.ts';
import type { StudioError } from '../../preload/contract.ts';
import type { GenerationPrompt, GenerationSource, Sampling } from '../../preload/generation-contract.ts';
import type { PrimaryAction } from '../components/screen.tsx';
import { useComparisonWriting } from '../compare/written-rows.ts';
import { useAsked } from '../wizard/use-asked.ts';
import { useGeneration, type Generation } from './use-generation.ts';

/** What a person asks the models. */
export interface Question {
  readonly form: 'text' | 'chat';
  readonly system: string;
  readonly text: string;
  readonly sampling: Sampling;
  /** Keys of the models that answer; null: the first few. */
  readonly chosen: readonly string[] | null;
}

interface Answerer {
  readonly key: string;
  readonly model: Pick<ComparedModel, 'name' | 'role'>;
  /** Name and role, in the language on screen. */
  readonly name: string;
  readonly source: GenerationSource;
}

/** Everything about generating side by side but its look. */
export interface GenerationDesk {
  readonly asked: Question;
  readonly change: (change: Partial<Question>) => void;
  readonly models: readonly Answerer[];
  readonly chosen: readonly Answerer[];
  readonly choose: (key: string, isChosen: boolean) => void;
  /** Names of the chosen models that cannot take a chat, where one is asked for. */
  readonly withoutChat: readonly string[];
  /** Names of those that were asked last. */
  readonly askedNames: readonly string[];
  readonly generation: Generation;
  readonly failure: StudioError | null;
  readonly primary: PrimaryAction;
}

const most = 6;
const chosenAtFirst = 3;
const storageKey = 'question';

const firstQuestion: Question = {
  form: 'text',
  system: '',
  text: '',
  sampling: {
    temperature: 0,
    topK: 0,
    topP: 1,
    repetitionPenalty: 1,
    maxNewTokens: 128,
    stop: [],
    seed: 42,
  },
  chosen: null,
};

export function useGenerationDesk(comparison: Comparison | null, isShown: boolean): GenerationDesk {
  const { t } = useTranslation();
  const { modelTitle } = useComparisonWriting();
  const [asked, setAsked] = useState(storedQuestion);
  const [answering, setAnswering] = useState<readonly Answerer['model'][]>([]);
  const generation = useGeneration();
  useEffect(() => {
    window.sessionStorage.setItem(storageKey, JSON.stringify(asked));
  }, [asked]);
  const models = (comparison?.models ?? []).flatMap((model): Answerer[] => {
    const source = sourceOf(model);
    return source === null ? [] : [{ key: model.key, model, name: modelTitle(model), source }];
  });
  const chosen =
    asked.chosen === null
      ? models.slice(0, chosenAtFirst)
      : models.filter(({ key }) => asked.chosen?.includes(key));
  const sources = chosen.map(({ source }) => source);
  const canDescribe = isShown && sources.length > 0 && sources.length <= most;
  const { answer, failure } = useAsked('generation:describe', canDescribe ? { sources } : null, 'sources', 0);
  const withoutChat =
    asked.form === 'chat' && answer !== null
      ? answer.flatMap(({ hasChatTemplate }, i) => (hasChatTemplate ? [] : [chosen[i]?.name ?? '']))
      : [];
  const start = (): void => {
    setAnswering(chosen.map(({ model }) => model));
    generation.start({ sources, prompt: promptOf(asked), sampling: asked.sampling });
  };
  return {
    asked,
    change: (change) => setAsked((known) => ({ ...known, ...change })),
    models,
    chosen,
    choose: (key, isChosen) => {
      const others = chosen.map((model) => model.key).filter((other) => other !== key);
      setAsked((known) => ({ ...known, chosen: isChosen ? [...others, key] : others }));
    },
    withoutChat,
    askedNames: answering.map(modelTitle),
    generation,
    failure,
    primary: generation.isRunning
      ? { label: t('generation.stopAll'), onAct: () => generation.stop() }
      : { label: t('generation.start'), onAct: start, blockedBy: blockedBy() },
  };

  function blockedBy(): string | null {
    if (chosen.length === 0) return t('generation.noModels');
    if (chosen.length > most) return t('generation.tooMany');
    if (asked.text.trim() === '') return t('generation.noPrompt');
    return withoutChat.length > 0 ? t('generation.noChat', { name: withoutChat[0] }) : null;
  }
}

function promptOf({ form, system, text }: Question): GenerationPrompt {
  if (form === 'text') return { kind: 'text', text };
  const before = system.trim() === '' ? [] : [{ role: 'system' as const, content: system }];
  return { kind: 'chat', messages: [...before, { role: 'user', content: text }] };
}

/** null for what has no weights of its own: a published row, a control. */
function sourceOf({ key, role, runId }: Comparison['models'][number]): GenerationSource | null {
  if (role === 'model') return { modelId: key.replace(/^model /, '') };
  if (role === 'published' || role === 'control' || runId === null) return null;
  return { runId, which: role };
}

/** Only this window writes the entry, and the storage ends with it. */
function storedQuestion(): Question {
  try {
    const kept = JSON.parse(window.sessionStorage.getItem(storageKey) ?? 'null') as Question | null;
    return kept === null ? firstQuestion : { ...firstQuestion, ...kept };
  } catch {
    return firstQuestion;
  }
}
