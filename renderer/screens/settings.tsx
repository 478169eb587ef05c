import { Segmented } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Settings } from '../../preload/contract.ts';
import { ComputingDevice } from '../components/computing-device.tsx';
import { Facts } from '../components/facts.tsx';
import { Panel } from '../components/panel.tsx';
import { Screen } from '../components/screen.tsx';
import { Term } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import { useStudio, useStudioStore } from '../studio/studio-store.ts';

const languages: readonly Settings['language'][] = ['system', 'en', 'zh-CN'];
const devices: readonly Settings['device'][] = ['auto', 'cpu', 'webgpu'];
const themes: readonly Settings['theme'][] = ['system', 'light', 'dark'];

/** Language, theme and device, the keys, and what this studio is running on. */
export function SettingsScreen(): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const store = useStudioStore();
  const settings = useStudio((state) => state.settings);
  const info = useStudio((state) => state.info);
  const shortcuts = [
    ['Ctrl+N', 'newRun'],
    ['Ctrl+1', 'home'],
    ['Ctrl+2', 'runs'],
    ['Ctrl+3', 'compare'],
    ['Ctrl+4', 'dependencies'],
    ['Ctrl+,', 'settings'],
    ['Ctrl+Enter', 'primary'],
    ['Alt+1 … 6', 'steps'],
    ['← → ↑ ↓', 'map'],
  ] as const;
  return (
    <Screen title={t('settings.title')} subtitle={t('settings.subtitle')}>
      <div className="settings-columns">
        <div>
          <Panel title={t('settings.language')}>
            <Segmented
              name="language"
              aria-label={t('settings.language')}
              value={settings.language}
              options={languages.map((value) => ({ value, label: t(`settings.languages.${value}`) }))}
              onChange={(language) => void store.changeSettings({ language })}
            />
          </Panel>
          <Panel title={t('settings.theme')}>
            <Segmented
              name="theme"
              aria-label={t('settings.theme')}
              value={settings.theme}
              options={themes.map((value) => ({ value, label: t(`settings.themes.${value}`) }))}
              onChange={(theme) => void store.changeSettings({ theme })}
            />
          </Panel>
          <Panel title={<Term name="device">{t('settings.device')}</Term>}>
            <Segmented
              name="device"
              aria-label={t('settings.device')}
              value={settings.device}
              options={devices.map((value) => ({ value, label: t(`settings.devices.${value}`) }))}
              onChange={(device) => void store.changeSettings({ device })}
            />
            <ComputingDevice />
          </Panel>
          {info && (
            <Panel title={t('settings.about')}>
              <Facts
                facts={[
                  { name: t('settings.version'), value: info.version },
                  { name: 'Electron', value: info.electron },
                  { name: t('settings.system'), value: info.platform },
                  { name: t('settings.threads'), value: formats.count(info.threads) },
                  { name: t('settings.totalMemory'), value: formats.bytes(info.totalMemoryBytes) },
                ]}
              />
              <p className="path">
                <span className="quiet">{t('settings.runsFolder')}</span> <code>{info.runsFolder}</code>
              </p>
            </Panel>
          )}
        </div>
        <Panel title={t('settings.keys')}>
          <dl className="shortcuts">
            {shortcuts.map(([keys, what]) => (
              <div key={what}>
                <dt>
                  <kbd>{keys}</kbd>
                </dt>
                <dd>{t(`settings.shortcuts.${what}`)}</dd>
              </div>
            ))}
          </dl>
        </Panel>
      </div>
    </Screen>
  );
}
