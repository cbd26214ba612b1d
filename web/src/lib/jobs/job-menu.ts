import Ban from '@lucide/svelte/icons/ban';
import CirclePause from '@lucide/svelte/icons/circle-pause';
import Copy from '@lucide/svelte/icons/copy';
import Pencil from '@lucide/svelte/icons/pencil';
import Play from '@lucide/svelte/icons/play';
import Power from '@lucide/svelte/icons/power';
import RotateCw from '@lucide/svelte/icons/rotate-cw';
import Settings from '@lucide/svelte/icons/settings-2';
import Trash from '@lucide/svelte/icons/trash-2';
import type { Job } from '$lib/api/types';
import type { MenuEntry } from '$lib/components/Menu.svelte';
import { session } from '$lib/state/session.svelte';
import { retry, setEnabled, steer } from './job-acts';
import { cannotRun, type JobAtWork } from './job-state';

/** What a menu opens on its page. */
export interface JobPanels {
	run: (job: Job) => void;
	edit: (job: Job) => void;
	copy: (job: Job) => void;
	cancel: (job: Job) => void;
	remove: (job: Job) => void;
	/** Something of the job was changed here. */
	changed: () => void;
}

/** What can be done with a job now, and why not. */
export function jobEntries(work: JobAtWork, panels: JobPanels): MenuEntry[][] {
	const { job, active, runs } = work;
	const role = session.reason('operator');
	const idle = role ?? cannotRun(work);
	const running = role ?? (active ? undefined : 'It does not run.');
	const failed = runs[0]?.status === 'failed' || runs[0]?.status === 'cancelled';
	const paused = active?.status === 'paused';
	return [
		[
			{ label: 'Run with options', icon: Settings, reason: idle, act: () => panels.run(job) },
			{ label: 'Retry the last run', icon: RotateCw, reason: idle ?? (failed ? undefined : 'Its last run did not fail.'), act: () => void retry(job) }
		],
		[
			paused
				? { label: 'Resume the run', icon: Play, reason: running, act: () => void steer(job, 'resume') }
				: { label: 'Pause the run', icon: CirclePause, reason: running, act: () => void steer(job, 'pause') },
			{ label: 'Cancel the run', icon: Ban, danger: true, reason: running, act: () => panels.cancel(job) }
		],
		[
			{ label: 'Edit', icon: Pencil, reason: role, act: () => panels.edit(job) },
			{ label: 'Copy', icon: Copy, reason: role, act: () => panels.copy(job) },
			{
				label: job.enabled ? 'Pause its schedule' : 'Switch its schedule on',
				icon: Power,
				reason: role,
				act: () => void setEnabled(job, !job.enabled).then((done) => done && panels.changed())
			}
		],
		[{ label: 'Delete', icon: Trash, danger: true, reason: role ?? (active ? 'Cancel its run first.' : undefined), act: () => panels.remove(job) }]
	];
}
