/** What main itself says, in menus and dialogs; the page has its own words. */
const english = {
  file: 'File',
  edit: 'Edit',
  view: 'View',
  window: 'Window',
  quit: 'Quit',
  close: 'Close window',
  undo: 'Undo',
  redo: 'Redo',
  cut: 'Cut',
  copy: 'Copy',
  paste: 'Paste',
  selectAll: 'Select all',
  reload: 'Reload',
  actualSize: 'Actual size',
  zoomIn: 'Zoom in',
  zoomOut: 'Zoom out',
  fullScreen: 'Full screen',
  minimize: 'Minimise',
  about: 'About',
  pickModel: 'Choose a model folder',
  pickTaskData: 'Choose the folder with the data of the tasks',
  pickText: 'Choose a text',
  saveComparison: 'Save the comparison',
  texts: 'Text, JSON, JSONL or Parquet',
  allFiles: 'All files',
  busyTitle: 'A run is at work',
  busyDetail: 'What is done so far is kept, and the run can be resumed.',
  stopAndQuit: 'Stop the run and quit',
  keepWorking: 'Keep working',
  goOnUnseen: 'Close the window, let the run go on',
};

type Words = Readonly<Record<keyof typeof english, string>>;

const chinese: Words = {
  file: '文件',
  edit: '编辑',
  view: '视图',
  window: '窗口',
  quit: '退出',
  close: '关闭窗口',
  undo: '撤销',
  redo: '重做',
  cut: '剪切',
  copy: '复制',
  paste: '粘贴',
  selectAll: '全选',
  reload: '重新加载',
  actualSize: '实际大小',
  zoomIn: '放大',
  zoomOut: '缩小',
  fullScreen: '全屏',
  minimize: '最小化',
  about: '关于',
  pickModel: '选择模型文件夹',
  pickTaskData: '选择任务数据文件夹',
  pickText: '选择文本',
  saveComparison: '保存对比结果',
  texts: '文本、JSON、JSONL 或 Parquet',
  allFiles: '所有文件',
  busyTitle: '有任务正在运行',
  busyDetail: '已完成的部分会保留，之后可以继续运行。',
  stopAndQuit: '停止任务并退出',
  keepWorking: '继续运行',
  goOnUnseen: '关闭窗口，任务继续运行',
};

/** @param language As the settings have it. @param locale The system's, as BCP 47. */
export function wordsFor(language: 'system' | 'en' | 'zh-CN', locale: string): Words {
  const chosen = language === 'system' ? locale : language;
  return chosen.startsWith('zh') ? chinese : english;
}
