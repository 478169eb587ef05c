import type { TFunction } from 'i18next';
import { FolderOpenOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import { useEffect, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ModelSummary, Picked, PlanPreview } from '../../preload/contract.ts';
import { BeforeAfterBar } from '../components/before-after-bar.tsx';
import { ErrorNotice } from '../components/error-notice.tsx';
import { FamilyList } from '../components/family-list.tsx';
import { Facts } from '../components/facts.tsx';
import { ExploredMap } from '../components/explored-map.tsx';
import { Panel } from '../components/panel.tsx';
import { RouteLink } from '../components/route-link.tsx';
import { Screen } from '../components/screen.tsx';
import { useMapHeight } from '../components/use-map-height.ts';
import { WizardSteps } from '../components/wizard-steps.tsx';
import { useFormats } from '../language/use-formats.ts';
import type { Formats } from '../language/formats.ts';
import { wholeModel } from '../model-map/map-layers.ts';
import { call } from '../studio/bridge.ts';
import { dependenciesAt, go } from '../studio/route.ts';
import { useModelChoice } from '../wizard/choose-model.tsx';
import { useDraft } from '../wizard/draft-store.tsx';
import { particularOf } from '../wizard/families.ts';
import { usePlanPreview } from '../wizard/use-plan-preview.ts';

/** Step 1: which model. */
export function ModelStep(): ReactNode {
  const { t } = useTranslation();
  const { draft } = useDraft();
  const choice = useModelChoice();
  const { model } = draft;
  const { answer: preview } = usePlanPreview(model?.model.id, draft.prune, draft.scoresOf);
  return (
    <Screen
      title={t('steps.model')}
      subtitle={t('model.subtitle')}
      primary={{
        label: t('actions.toPlan'),
        onAct: () => go({ screen: 'new', step: 'plan' }),
        blockedBy: model === null ? t('model.chooseFirst') : null,
      }}
      above={
        <>
          <WizardSteps current="model" runId={draft.runId} />
          <BeforeAfterBar before={model?.costs ?? null} after={preview?.after ?? null} isPredicted />
        </>
      }
    >
      <div className="columns side-left">
        <ModelSources />
        <div className="column">
          {choice.failure && (
            <ErrorNotice
              error={choice.failure}
              action={{ label: t('actions.pickModel'), onAct: choice.pick }}
            />
          )}
          {model === null ? (
            <>
              {choice.failure === null && (
                <div className="drop-hint">
                  <FolderOpenOutlined aria-hidden="true" />
                  <p>{t('model.empty')}</p>
                </div>
              )}
              <FamilyList />
            </>
          ) : (
            <ModelCard model={model} preview={preview} />
          )}
        </div>
      </div>
    </Screen>
  );
}

function ModelSources(): ReactNode {
  const { t } = useTranslation();
  const choice = useModelChoice();
  const { draft } = useDraft();
  const recent = useRecentModels(draft.model?.model.id);
  return (
    <div className="column">
      <Panel title={t('model.folder')}>
        <p className="quiet">{t('model.folderText')}</p>
        <Button
          icon={<FolderOpenOutlined aria-hidden="true" />}
          onClick={choice.pick}
          loading={choice.isBusy}
        >
          {t('actions.pickModel')}
        </Button>
      </Panel>
      <Panel title={t('model.demo')}>
        <p className="quiet">{t('model.demoText')}</p>
        <Button onClick={choice.useDemo} disabled={choice.isBusy}>
          {t('actions.useDemo')}
        </Button>
      </Panel>
      {recent.length > 0 && (
        <Panel title={t('model.recent')}>
          <ul className="recent">
            {recent.map((picked) => (
              <li key={picked.id}>
                <button
                  type="button"
                  title={picked.path}
                  aria-pressed={picked.id === draft.model?.model.id}
                  onClick={() => choice.useRecent(picked)}
                >
                  <span>{picked.name}</span>
                  <span className="quiet path-end">
                    <bdi>{picked.path}</bdi>
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </div>
  );
}

/** Asked for again after each choice, which changes the list. */
function useRecentModels(chosenId: string | undefined): readonly Picked[] {
  const [recent, setRecent] = useState<readonly Picked[]>([]);
  useEffect(() => {
    let isCurrent = true;
    call('model:recent', undefined).then(
      (models) => isCurrent && setRecent(models),
      // A list that cannot be read is an empty one: the folder can still be picked.
      () => undefined,
    );
    return () => {
      isCurrent = false;
    };
  }, [chosenId]);
  return recent;
}

function ModelCard({
  model,
  preview,
}: {
  readonly model: ModelSummary;
  readonly preview: PlanPreview | null;
}): ReactNode {
  const { t } = useTranslation();
  const height = useMapHeight(260, 620);
  const formats = useFormats();
  const layers = wholeModel(model.layers);
  const particular = particularOf(model.family, model.model.name);
  const isShort = preview !== null && preview.diskBytes > preview.freeDiskBytes;
  return (
    <>
      {!model.hasWeights && <p className="warning-notice">{t('model.noWeights')}</p>}
      {!model.hasTokenizer && <p className="warning-notice">{t('model.noTokenizer')}</p>}
      <Panel title={model.model.name}>
        <p className="path quiet">{model.model.path}</p>
        {particular !== null && (
          <p className="family-note">
            {t(`families.particulars.${particular}`, { groups: formats.count(model.layers[0].kvHeads) })}
          </p>
        )}
        <div className="fact-groups">
          <div>
            <h3>{t('model.shape')}</h3>
            <Facts facts={shapeFacts(model, formats, t)} isWide />
          </div>
          <div>
            <h3>{t('model.needs')}</h3>
            <Facts
              facts={[
                {
                  name: t('model.runMemory'),
                  term: 'memoryNeeded',
                  value: preview ? `~\u202f${formats.bytes(preview.memoryBytes)}` : '–',
                },
                {
                  name: t('model.runBudget'),
                  term: 'memoryBudget',
                  value: preview ? formats.bytes(preview.memoryBudgetBytes) : '–',
                },
                {
                  name: t('model.runDisk'),
                  term: 'diskNeeded',
                  value: preview ? formats.bytes(preview.diskBytes) : '–',
                },
                { name: t('model.freeDisk'), value: preview ? formats.bytes(preview.freeDiskBytes) : '–' },
              ]}
            />
            {isShort && <p className="warning-notice">{t('model.diskShort')}</p>}
          </div>
        </div>
      </Panel>
      <Panel
        title={t('map.title')}
        className="map-panel"
        actions={<RouteLink to={dependenciesAt(null)}>{t('actions.toDependencies')}</RouteLink>}
      >
        <ExploredMap layers={layers} removal="planned" height={height} explores />
      </Panel>
    </>
  );
}

const familyName = (family: string, t: TFunction): string =>
  t(`families.names.${family as 'llama'}`, { defaultValue: family });

function shapeFacts(
  model: ModelSummary,
  formats: Formats,
  t: TFunction,
): Parameters<typeof Facts>[0]['facts'] {
  const range = (pick: (layer: ModelSummary['layers'][number]) => number): string => {
    const values = model.layers.map(pick);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return low === high ? formats.count(low) : `${formats.count(low)}–${formats.count(high)}`;
  };
  return [
    { name: t('model.family'), value: familyName(model.family, t), term: 'family' },
    { name: t('model.layers'), value: formats.count(model.layers.length), term: 'layer' },
    { name: t('model.hiddenSize'), value: formats.count(model.hiddenSize), term: 'hiddenSize' },
    { name: t('map.attentionHeads'), value: range(({ heads }) => heads), term: 'head' },
    { name: t('model.kvHeads'), value: range(({ kvHeads }) => kvHeads), term: 'kvGroup' },
    { name: t('model.headDim'), value: formats.count(model.headDim), term: 'headDim' },
    { name: t('map.mlpWidth'), value: range(({ mlpWidth }) => mlpWidth), term: 'mlpWidth' },
    { name: t('model.vocabulary'), value: formats.count(model.vocabSize), term: 'vocabulary' },
    { name: t('model.tied'), value: t(model.tiedEmbeddings ? 'words.yes' : 'words.no'), term: 'tied' },
    ...(model.weightFormat === null
      ? []
      : [{ name: t('model.weightFiles'), value: t(`model.weightFormats.${model.weightFormat}`) }]),
  ];
}
