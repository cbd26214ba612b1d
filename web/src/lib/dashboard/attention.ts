import type { Component } from 'svelte';
import CalendarX from '@lucide/svelte/icons/calendar-x';
import CircleX from '@lucide/svelte/icons/circle-x';
import CirclePause from '@lucide/svelte/icons/circle-pause';
import Hand from '@lucide/svelte/icons/hand';
import Unplug from '@lucide/svelte/icons/unplug';
import HelpCircle from '@lucide/svelte/icons/circle-question-mark';
import type { Tone } from '$lib/components/states';
import type { Drive, Execution, Job, TapeChange } from '$lib/api/types';
import { driveName } from '$lib/frame/drive-view';

export interface Attention {
	id: string;
	tone: Tone;
	icon: Component;
	title: string;
	about: string;
	/** Since when. */
	since: string | null;
	href: string;
	/** What to do there, on the button. */
	action: string;
}

const DAY_MS = 24 * 3600 * 1000;
/** A job that is due every day should not be older than this; one without a schedule is its owner's business. */
const STALE_DAYS = 8;

/** Everything that needs a hand, what waits for one first. */
export function attention(
	tapeChanges: TapeChange[],
	drives: Drive[],
	executions: Execution[],
	jobs: Job[],
	recent: Execution[],
	now: Date
): Attention[] {
	return [
		...tapeChanges.map(asTapeChange),
		...executions.filter((run) => run.status === 'paused').map(asPaused),
		...drives.flatMap(asDrive),
		...jobs.flatMap((job) => asJob(job, recent, now))
	];
}

function asTapeChange(change: TapeChange): Attention {
	return {
		id: `change-${change.id}`,
		tone: 'waiting',
		icon: Hand,
		title: change.message,
		about: change.notice ?? change.execution_title,
		since: change.requested_at,
		href: `/runs/${change.execution_id}`,
		action: 'Answer'
	};
}

function asPaused(run: Execution): Attention {
	return {
		id: `paused-${run.id}`,
		tone: 'waiting',
		icon: CirclePause,
		title: `${run.title} is paused`,
		about: run.message,
		since: run.updated_at,
		href: `/runs/${run.id}`,
		action: 'Look'
	};
}

function asDrive(drive: Drive): Attention[] {
	if (!drive.enabled) return [];
	const base = { since: null, href: `/drives/${drive.id}`, action: 'Look' };
	if (drive.status === 'error' || drive.status === 'offline') {
		const about = drive.error_message ?? 'Is it switched on and connected?';
		const title = `${driveName(drive)} ${drive.status === 'error' ? 'reports an error' : 'does not answer'}`;
		return [{ ...base, id: `drive-${drive.id}`, tone: 'failed', icon: Unplug, title, about }];
	}
	if (drive.unknown_tape) {
		const title = `${driveName(drive)} holds a tape that is not in the catalog`;
		const about = 'Take it in, rebuild the catalog from it, or eject it.';
		return [{ ...base, id: `unknown-${drive.id}`, tone: 'warning', icon: HelpCircle, title, about }];
	}
	return [];
}

function asJob(job: Job, recent: Execution[], now: Date): Attention[] {
	if (!job.enabled) return [];
	const last = recent.find((run) => run.kind === 'backup' && run.job_id === job.id && run.end_time);
	if (last?.status === 'failed') {
		return [
			{
				id: `failed-${last.id}`,
				tone: 'failed',
				icon: CircleX,
				title: `${job.name} failed`,
				about: last.error_message ?? 'Its log says why.',
				since: last.end_time ?? null,
				href: `/runs/${last.id}`,
				action: 'See why'
			}
		];
	}
	const ran = job.last_run_at ? new Date(job.last_run_at).getTime() : new Date(job.created_at).getTime();
	if (job.schedule_cron && now.getTime() - ran > STALE_DAYS * DAY_MS) {
		const title = `${job.name} has no recent backup`;
		const about = 'It has a schedule but has not run for more than a week.';
		const since = job.last_run_at ?? null;
		return [
			{ id: `stale-${job.id}`, tone: 'warning', icon: CalendarX, title, about, since, href: `/jobs/${job.id}`, action: 'Look' }
		];
	}
	return [];
}
