const BROWSERS: readonly (readonly [RegExp, string])[] = [
	[/\bEdg\//, 'Edge'],
	[/\bOPR\//, 'Opera'],
	[/\bFirefox\//, 'Firefox'],
	[/\b(Headless)?Chrome\//, 'Chrome'],
	[/\bSafari\//, 'Safari']
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
	[/\bAndroid\b/, 'Android'],
	[/\b(iPhone|iPad)\b/, 'iOS'],
	[/\bWindows\b/, 'Windows'],
	[/\bMac OS X\b/, 'macOS'],
	[/\bLinux\b/, 'Linux']
];

/** What a client calls itself, as a person would: "Firefox on Linux". */
export function clientName(agent: string): string {
	if (agent.startsWith('tapebackarr/')) return 'Command line';
	const found = (names: typeof BROWSERS) => names.find(([pattern]) => pattern.test(agent))?.[1];
	const browser = found(BROWSERS);
	const system = found(SYSTEMS);
	if (!browser) return agent.slice(0, 60) || 'Unknown program';
	return system ? `${browser} on ${system}` : browser;
}
