import { ConfigProvider } from 'antd';
import en from 'antd/locale/en_US';
import zhCN from 'antd/locale/zh_CN';
import { useCallback, useEffect, useMemo, useSyncExternalStore, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { CompareSelectionProvider } from './compare/selection-store.tsx';
import { ErrorNotice } from './components/error-notice.tsx';
import { Rail } from './components/rail.tsx';
import { resolveLanguage, type Language } from './language/i18n.ts';
import { DeletedRuns } from './runs/deleted-runs.tsx';
import { CompareScreen } from './screens/compare.tsx';
import { DataStep } from './screens/data-step.tsx';
import { DependenciesScreen } from './screens/dependencies.tsx';
import { HomeScreen } from './screens/home.tsx';
import { ImportanceScreen } from './screens/importance.tsx';
import { ModelStep } from './screens/model-step.tsx';
import { PlanStep } from './screens/plan-step.tsx';
import { RecoveryStep } from './screens/recovery-step.tsx';
import { ResultsStep } from './screens/results-step.tsx';
import { RunStep } from './screens/run-step.tsx';
import { RunsScreen } from './screens/runs.tsx';
import { SettingsScreen } from './screens/settings.tsx';
import { dependenciesAt, go, useRoute, type DraftStep, type Route } from './studio/route.ts';
import { useStudio, useStudioStore } from './studio/studio-store.ts';
import { antdTheme } from './theme/antd-theme.ts';
import { applyCssVariables } from './theme/css-variables.ts';
import { ThemeContext } from './theme/theme-context.ts';
import type { ThemeName } from './theme/tokens.ts';
import { ModelChoiceProvider } from './wizard/choose-model.tsx';
import { DraftProvider, useDraft } from './wizard/draft-store.tsx';
import { DropAnywhere } from './wizard/drop-anywhere.tsx';

const antdLocales = { en, 'zh-CN': zhCN };

/** The studio's window: language and theme around the screen of the address. */
export function App({ nonce }: { readonly nonce: string | undefined }): ReactNode {
  const language = useLanguage();
  const theme = useTheme();
  const calm = useMediaQuery('(prefers-reduced-motion: reduce)');
  const antd = useMemo(() => antdTheme(theme, calm), [theme, calm]);
  const csp = useMemo(() => (nonce === undefined ? undefined : { nonce }), [nonce]);
  return (
    <ConfigProvider theme={antd} locale={antdLocales[language]} csp={csp} button={{ autoInsertSpace: false }}>
      <ThemeContext value={theme}>
        <DraftProvider>
          <ModelChoiceProvider>
            <CompareSelectionProvider>
              <Window />
            </CompareSelectionProvider>
          </ModelChoiceProvider>
        </DraftProvider>
      </ThemeContext>
    </ConfigProvider>
  );
}

function Window(): ReactNode {
  const { t } = useTranslation();
  const route = useRoute();
  const store = useStudioStore();
  const failure = useStudio((state) => state.failure);
  const newRun = useNewRun();
  useShortcuts(newRun);
  return (
    <div className="window">
      <button
        type="button"
        className="skip-link"
        onClick={() => document.querySelector<HTMLElement>('#work h1')?.focus()}
      >
        {t('actions.skip')}
      </button>
      <Rail route={route} onNewRun={newRun} />
      <div className="work">
        {failure && (
          <div className="window-failure">
            <ErrorNotice error={failure} onClose={() => store.tellFailure(null)} />
          </div>
        )}
        <CurrentScreen route={route} onNewRun={newRun} />
        {(route.screen === 'home' || route.screen === 'runs') && <DeletedRuns />}
      </div>
      <DropAnywhere />
    </div>
  );
}

function CurrentScreen({
  route,
  onNewRun,
}: {
  readonly route: Route;
  readonly onNewRun: () => void;
}): ReactNode {
  switch (route.screen) {
    case 'home':
      return <HomeScreen onNewRun={onNewRun} />;
    case 'runs':
      return <RunsScreen onNewRun={onNewRun} />;
    case 'compare':
      return <CompareScreen />;
    case 'dependencies':
      return <DependenciesScreen route={route} />;
    case 'settings':
      return <SettingsScreen />;
    case 'new':
      return <DraftStepScreen step={route.step} />;
    case 'run':
      return <RunScreen key={route.runId} runId={route.runId} view={route.view} />;
  }
}

function RunScreen({ runId, view }: Pick<Extract<Route, { screen: 'run' }>, 'runId' | 'view'>): ReactNode {
  switch (view) {
    case 'progress':
      return <RunStep runId={runId} />;
    case 'results':
      return <ResultsStep runId={runId} />;
    case 'importance':
      return <ImportanceScreen runId={runId} />;
  }
}

function DraftStepScreen({ step }: { readonly step: DraftStep }): ReactNode {
  switch (step) {
    case 'model':
      return <ModelStep />;
    case 'plan':
      return <PlanStep />;
    case 'data':
      return <DataStep />;
    case 'recovery':
      return <RecoveryStep />;
  }
}

/** A draft that became a run gives way to an empty one; one that has not goes on. */
function useNewRun(): () => void {
  const { draft, dispatch } = useDraft();
  const hasStarted = draft.runId !== null;
  return useCallback(() => {
    if (hasStarted) dispatch({ type: 'restarted' });
    go({ screen: 'new', step: 'model' });
  }, [hasStarted, dispatch]);
}

function useShortcuts(newRun: () => void): void {
  useEffect(() => {
    const actions: Readonly<Record<string, () => void>> = {
      n: newRun,
      '1': () => go({ screen: 'home' }),
      '2': () => go({ screen: 'runs' }),
      '3': () => go({ screen: 'compare' }),
      '4': () => go(dependenciesAt(null)),
      ',': () => go({ screen: 'settings' }),
    };
    const press = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      const act = actions[event.key.toLowerCase()];
      if (act === undefined) return;
      event.preventDefault();
      act();
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [newRun]);
}

function useLanguage(): Language {
  const { i18n } = useTranslation();
  const chosen = useStudio(({ settings }) => settings.language);
  const locale = useStudio(({ info }) => info?.locale ?? navigator.language);
  const language = resolveLanguage(chosen, locale);
  useEffect(() => {
    document.documentElement.lang = language;
    if (i18n.language !== language) void i18n.changeLanguage(language);
  }, [i18n, language]);
  return language;
}

function useTheme(): ThemeName {
  const chosen = useStudio(({ settings }) => settings.theme);
  const isDark = useMediaQuery('(prefers-color-scheme: dark)');
  const theme = chosen === 'system' ? (isDark ? 'dark' : 'light') : chosen;
  useEffect(() => applyCssVariables(theme), [theme]);
  return theme;
}

function useMediaQuery(query: string): boolean {
  const media = useMemo(() => window.matchMedia(query), [query]);
  return useSyncExternalStore(
    (listener) => {
      media.addEventListener('change', listener);
      return () => media.removeEventListener('change', listener);
    },
    () => media.matches,
  );
}
