import { Button, Popconfirm, type ButtonProps } from 'antd';
import { useRef, type ReactNode } from 'react';

export interface ConfirmButtonProps {
  readonly label: string;
  /** Which one of several alike, for those who do not see where it stands. */
  readonly fullLabel?: string;
  readonly question: string;
  readonly consequence: string;
  readonly confirm: string;
  readonly refuse: string;
  readonly button?: Pick<ButtonProps, 'size' | 'type' | 'danger'>;
  readonly onConfirm: () => void;
}

/** A button for what cannot be undone: asks first, with the focus on the way back. */
export function ConfirmButton(props: ConfirmButtonProps): ReactNode {
  const { label, fullLabel, question, consequence, confirm, refuse, button, onConfirm } = props;
  const trigger = useRef<HTMLButtonElement>(null);
  const wayBack = useRef<HTMLSpanElement>(null);
  return (
    <Popconfirm
      title={question}
      description={consequence}
      okText={confirm}
      cancelText={<span ref={wayBack}>{refuse}</span>}
      okButtonProps={{ danger: true }}
      destroyOnHidden
      onConfirm={onConfirm}
      // Not by autofocus: without motion the question is still hidden when that comes.
      afterOpenChange={(isOpen) => {
        if (isOpen) wayBack.current?.closest('button')?.focus();
      }}
      onOpenChange={(isOpen) => {
        if (!isOpen) trigger.current?.focus();
      }}
    >
      <Button {...button} ref={trigger} aria-label={fullLabel} aria-haspopup="dialog">
        {label}
      </Button>
    </Popconfirm>
  );
}
