import type { Setting } from './groups';

/** The value as it is typed: lists with one item per line, nothing as nothing. */
export function typedOf(setting: Setting, value: unknown = setting.value): string {
	if (value === null || value === undefined) return '';
	return Array.isArray(value) ? value.join('\n') : String(value);
}

/** What was typed as the server wants it. What is no number stays text: the server says what is wrong with it. */
export function valueOf(setting: Setting, typed: string): unknown {
	const number = () => (/^-?\d+$/.test(typed.trim()) ? Number(typed) : typed);
	switch (setting.kind) {
		case 'whole':
			return number();
		case 'choice':
			return setting.choices.find((choice) => String(choice) === typed) ?? typed;
		case 'list':
			return typed.split(/[\n,]/).map((item) => item.trim()).filter(Boolean);
		default:
			return typed;
	}
}

/** What is wrong with what was typed, as far as can be said here. */
export function problemOf(setting: Setting, typed: string): string | undefined {
	if (setting.kind !== 'whole') return undefined;
	const value = valueOf(setting, typed);
	const { least, most } = setting;
	const fits = typeof value === 'number' && value >= (least ?? -Infinity) && value <= (most ?? Infinity);
	return fits ? undefined : `Expected ${setting.expected}.`;
}

/** A value for people: what "nothing" is, and lists in one line. */
export function shown(setting: Setting, value: unknown): string {
	if (setting.kind === 'secret') return value ? 'set' : 'not set';
	if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
	return value === '' || value === null || value === undefined ? 'empty' : String(value);
}
