import type { MeasureKind, Protocol, Verdict } from '../../../preload/forms/measures.ts';
import type { Subject } from './subject.ts';

/** What a written comparison says, beside names and numbers. */
export interface ComparisonWords {
  readonly locale: string;
  readonly title: string;
  readonly numbers: string;
  readonly recipes: string;
  readonly key: string;
  readonly charts: string;
  readonly widths: string;
  readonly heads: string;
  readonly mlpWidths: string;
  readonly layer: string;
  readonly qualityAgainstSize: string;
  readonly tasks: string;
  readonly baseline: string;
  readonly against: string;
  readonly published: string;
  readonly made: string;
  readonly points: string;
  readonly roles: Readonly<Record<Subject['role'], string>>;
  readonly kinds: Readonly<Record<MeasureKind, string>>;
  /** What the signs behind a metric and a number mean. */
  readonly counted: string;
  readonly ofPruned: string;
  readonly unjudged: string;
  readonly protocol: (protocol: Protocol) => string;
  readonly verdicts: Readonly<Record<Verdict, string>>;
}

const english: ComparisonWords = {
  locale: 'en',
  title: 'Comparison of models',
  numbers: 'Numbers',
  recipes: 'Recipes, where they differ',
  key: 'Key',
  charts: 'Charts',
  widths: 'Widths of each layer',
  heads: 'Attention heads of each layer',
  mlpWidths: 'MLP width of each layer',
  layer: 'Layer',
  qualityAgainstSize: 'Quality against size',
  tasks: 'Tasks',
  baseline: 'baseline',
  against: 'Differences are against the baseline: ▲ better, ▼ worse, = no difference beyond the error.',
  published: 'Published',
  made: 'Made with LLM-Pruner Studio',
  points: 'points',
  roles: {
    original: 'original',
    pruned: 'pruned',
    recovered: 'recovered',
    control: 'control',
    model: 'model',
    published: 'published',
  },
  kinds: {
    parameters: 'Parameters',
    macs: 'MACs (64 tokens)',
    weights: 'Weights',
    memory: 'Memory (fp16, published formula)',
    perplexity: 'Perplexity',
    task: 'Task',
    'task-average': 'Average of tasks',
    'peak-memory': 'Peak memory of a forward pass',
    'prefill-speed': 'Prefill, tokens/s',
    'decode-speed': 'Decode, tokens/s',
    'prefill-latency': 'Prefill latency',
    'decode-latency': 'Decode latency',
    'prefill-speedup': 'Prefill, times as fast',
    'decode-speedup': 'Decode, times as fast',
  },
  counted: '* The metric that the paper’s tables and the average count.',
  ofPruned: '† Measured on the pruned model of the run, which has the same widths.',
  unjudged: 'A difference without a sign is not judged: how far such a number varies is not known.',
  protocol: (protocol) => {
    if (protocol.about === 'text') {
      const { text, seqLen, chunks } = protocol;
      return `${text}, ${chunks} chunks of ${seqLen} tokens`;
    }
    if (protocol.about === 'machine') {
      const { batchSize, promptLength, newTokens, repeats, threads, run } = protocol;
      const how = `batch ${batchSize}, ${promptLength} + ${newTokens} tokens, ${threads} threads, ${repeats} rounds`;
      return run === null ? how : `${how}, in ${run}`;
    }
    const { metric, isCounted, tasks, fewShot, bos, limit, harness } = protocol;
    const what = metric === null ? `${tasks} tasks` : `${metric}${isCounted ? ' *' : ''}`;
    return `${what}, ${fewShot}-shot${bos ? ' + BOS' : ''}${limit === null ? '' : `, first ${limit} questions`}, ${harness}`;
  },
  verdicts: { better: 'better', worse: 'worse', same: 'no difference beyond the error' },
};

const chinese: ComparisonWords = {
  locale: 'zh-CN',
  title: '模型对比',
  numbers: '数值',
  recipes: '配方（仅列不同之处）',
  key: '键',
  charts: '图表',
  widths: '各层宽度',
  heads: '各层注意力头数',
  mlpWidths: '各层 MLP 宽度',
  layer: '层',
  qualityAgainstSize: '质量与规模',
  tasks: '任务',
  baseline: '基准',
  against: '差异均相对于基准：▲ 更好，▼ 更差，= 差异不超过误差。',
  published: '论文数据',
  made: '由 LLM-Pruner Studio 生成',
  points: '个百分点',
  roles: {
    original: '原模型',
    pruned: '剪枝后',
    recovered: '恢复后',
    control: '对照',
    model: '模型',
    published: '论文数据',
  },
  kinds: {
    parameters: '参数量',
    macs: '乘加次数（64 个词元）',
    weights: '权重大小',
    memory: '显存（fp16，论文公式）',
    perplexity: '困惑度',
    task: '任务',
    'task-average': '任务平均',
    'peak-memory': '前向峰值内存',
    'prefill-speed': '预填充，词元/秒',
    'decode-speed': '解码，词元/秒',
    'prefill-latency': '预填充延迟',
    'decode-latency': '解码延迟',
    'prefill-speedup': '预填充加速倍数',
    'decode-speedup': '解码加速倍数',
  },
  counted: '* 论文表格和平均值所采用的指标。',
  ofPruned: '† 测自该任务剪枝后的模型，二者各层宽度相同。',
  unjudged: '没有记号的差异不作判断：这类数值的波动范围未知。',
  protocol: (protocol) => {
    if (protocol.about === 'text') {
      const { text, seqLen, chunks } = protocol;
      return `${text}，${chunks} 段，每段 ${seqLen} 个词元`;
    }
    if (protocol.about === 'machine') {
      const { batchSize, promptLength, newTokens, repeats, threads, run } = protocol;
      const how = `批大小 ${batchSize}，${promptLength} + ${newTokens} 个词元，${threads} 线程，${repeats} 轮`;
      return run === null ? how : `${how}，测于 ${run}`;
    }
    const { metric, isCounted, tasks, fewShot, bos, limit, harness } = protocol;
    const what = metric === null ? `${tasks} 个任务` : `${metric}${isCounted ? ' *' : ''}`;
    return `${what}，${fewShot}-shot${bos ? ' + BOS' : ''}${limit === null ? '' : `，前 ${limit} 题`}，${harness}`;
  },
  verdicts: { better: '更好', worse: '更差', same: '差异不超过误差' },
};

export function comparisonWords(language: 'en' | 'zh-CN'): ComparisonWords {
  return language === 'en' ? english : chinese;
}
