import {
  ApartmentOutlined,
  AppstoreOutlined,
  DiffOutlined,
  HomeOutlined,
  PlusSquareOutlined,
  SettingOutlined,
} from '@ant-design/icons';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { dependenciesAt, go, type Route } from '../studio/route.ts';

interface RailEntry {
  readonly key: 'home' | 'new' | 'runs' | 'compare' | 'dependencies' | 'settings';
  readonly icon: ReactNode;
  readonly shortcut: string;
  readonly onGo: () => void;
}

/** The places of the studio, on the left of every screen. */
export function Rail({
  route,
  onNewRun,
}: {
  readonly route: Route;
  readonly onNewRun: () => void;
}): ReactNode {
  const { t } = useTranslation();
  const entries: readonly RailEntry[] = [
    { key: 'home', icon: <HomeOutlined />, shortcut: 'Ctrl+1', onGo: () => go({ screen: 'home' }) },
    { key: 'new', icon: <PlusSquareOutlined />, shortcut: 'Ctrl+N', onGo: onNewRun },
    { key: 'runs', icon: <AppstoreOutlined />, shortcut: 'Ctrl+2', onGo: () => go({ screen: 'runs' }) },
    {
      key: 'compare',
      icon: <DiffOutlined />,
      shortcut: 'Ctrl+3',
      onGo: () => go({ screen: 'compare' }),
    },
    {
      key: 'dependencies',
      icon: <ApartmentOutlined />,
      shortcut: 'Ctrl+4',
      onGo: () => go(dependenciesAt(null)),
    },
    {
      key: 'settings',
      icon: <SettingOutlined />,
      shortcut: 'Ctrl+,',
      onGo: () => go({ screen: 'settings' }),
    },
  ];
  const current = route.screen === 'run' ? 'runs' : route.screen;
  return (
    <nav className="rail" aria-label={t('rail.name')}>
      <ul>
        {entries.map(({ key, icon, shortcut, onGo }) => (
          <li key={key} className={key === 'settings' ? 'last' : undefined}>
            <button
              type="button"
              title={`${t(`rail.${key}`)} (${shortcut})`}
              aria-current={key === current ? 'page' : undefined}
              onClick={onGo}
            >
              <span aria-hidden="true">{icon}</span>
              {t(`rail.${key}`)}
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}
