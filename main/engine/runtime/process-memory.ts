/** The highest resident memory of this process so far, in bytes. */
export function peakResidentBytes(): number {
  return Math.max(process.memoryUsage.rss(), process.resourceUsage().maxRSS * 1024);
}
