import type { Execution, Schemas } from '$lib/api/types';

/** Every kind of work, in the words of its page. */
export const KINDS: Record<string, string> = {
	backup: 'Backup',
	restore: 'Restore',
	verify: 'Verification',
	copy: 'Copy',
	scrub: 'Scrub',
	drill: 'Restore drill',
	label: 'Label',
	batch_label: 'Labels',
	format: 'Format',
	inspect: 'Inspection',
	drive: 'Drive',
	library: 'Library',
	raw_read: 'Raw read',
	rebuild: 'Catalog rebuild',
	database_backup: 'Database backup',
	database_restore: 'Database restore',
	import_v1_database: 'Import of version 1',
	import_v1_tape: 'Import of a tape',
	maintenance: 'Maintenance'
};

/** "Backup"; a kind that this page does not know, as the server calls it. */
export function kindWords(kind: string): string {
	return KINDS[kind] ?? kind.replaceAll('_', ' ');
}

const STAGES: Record<Schemas['Stage'], string> = {
	walk: 'Walk through the source',
	read: 'Read files',
	hash: 'Hash',
	tar: 'Pack',
	compress: 'Compress',
	encrypt: 'Encrypt',
	drive: 'Write to the drive',
	catalog: 'Store the catalog'
};

export function stageWords(stage: Schemas['Stage']): string {
	return STAGES[stage];
}

/** Whether it still wants something. */
export function isOpen(run: Pick<Execution, 'status'>): boolean {
	return run.status === 'pending' || run.status === 'running' || run.status === 'paused';
}

/** How long a run took, or has taken so far, in seconds; none before it began. */
export function lasted(run: Pick<Execution, 'start_time' | 'end_time'>, now: Date): number | null {
	if (!run.start_time) return null;
	const end = run.end_time ? new Date(run.end_time) : now;
	return Math.max(0, (end.getTime() - new Date(run.start_time).getTime()) / 1000);
}
