import { Segmented } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

/** Switches a part of a run on or off. */
export function OnOff({
  name,
  label,
  isOn,
  onTurn,
}: {
  /** Of the group of radio buttons, for the keyboard; one a page. */
  readonly name: string;
  readonly label: string;
  readonly isOn: boolean;
  readonly onTurn: (isOn: boolean) => void;
}): ReactNode {
  const { t } = useTranslation();
  return (
    <Segmented
      name={name}
      aria-label={label}
      value={isOn ? 'on' : 'off'}
      options={(['off', 'on'] as const).map((value) => ({
        value,
        label: t(`recovery.switches.${value}`),
      }))}
      onChange={(value) => onTurn(value === 'on')}
    />
  );
}
