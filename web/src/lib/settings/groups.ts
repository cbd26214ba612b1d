import type { Schemas } from '$lib/api/types';

export type Setting = Schemas['Setting'];

export interface Group {
	id: string;
	title: string;
	settings: Setting[];
}

const TITLES: Record<string, string> = {
	general: 'Data folder',
	server: 'Web server',
	database: 'Database',
	tape: 'Tape and drives',
	backup: 'Backup',
	maintenance: 'Maintenance',
	scrub: 'Reading tapes back',
	drill: 'Restore drills',
	database_backup: 'Database on tape',
	notify: 'Notifications',
	auth: 'Logins',
	metrics: 'Metrics',
	oidc: 'Single sign-on',
	logging: 'Log',
	docs: 'Documentation'
};

/** The settings by their sections, in the order of the server; those that `text` finds, if there is one. */
export function groups(settings: readonly Setting[], text = ''): Group[] {
	const words = text.toLowerCase().split(/\s+/).filter(Boolean);
	const found = new Map<string, Group>();
	for (const setting of settings) {
		const id = section(setting.key);
		const title = TITLES[id] ?? titled(id);
		const all = `${setting.key} ${setting.words} ${title}`.toLowerCase();
		if (!words.every((word) => all.includes(word))) continue;
		const group = found.get(id) ?? { id, title, settings: [] };
		group.settings.push(setting);
		found.set(id, group);
	}
	return [...found.values()];
}

function section(key: string): string {
	const at = key.indexOf('.');
	return at < 0 ? 'general' : key.slice(0, at);
}

/** "buffer_size_mb" as people say it. */
export function nameOf(key: string): string {
	return titled(key.slice(key.lastIndexOf('.') + 1));
}

function titled(word: string): string {
	const spaced = word.replaceAll('_', ' ').replace(/\bmb\b/, '(MiB)').replace(/\bdir\b/, 'folder');
	return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

export const ORIGINS: Record<Setting['origin'], string> = {
	default: 'default',
	file: 'configuration file',
	interface: 'changed here',
	environment: 'environment',
	command_line: 'command line'
};

/** How the setting is called in the environment. */
export function variable(key: string): string {
	return `TAPEBACKARR_${key.toUpperCase().replaceAll('.', '__')}`;
}
