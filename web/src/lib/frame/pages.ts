import type { Component } from 'svelte';
import Activity from '@lucide/svelte/icons/activity';
import ArchiveRestore from '@lucide/svelte/icons/archive-restore';
import Bell from '@lucide/svelte/icons/bell';
import BellRing from '@lucide/svelte/icons/bell-ring';
import BookOpen from '@lucide/svelte/icons/book-open';
import BriefcaseBusiness from '@lucide/svelte/icons/calendar-clock';
import Cassette from '@lucide/svelte/icons/cassette-tape';
import Database from '@lucide/svelte/icons/database';
import Folder from '@lucide/svelte/icons/folder-tree';
import Footprints from '@lucide/svelte/icons/footprints';
import Gauge from '@lucide/svelte/icons/gauge';
import HardDrive from '@lucide/svelte/icons/hard-drive';
import Info from '@lucide/svelte/icons/info';
import Key from '@lucide/svelte/icons/key-round';
import LibraryBig from '@lucide/svelte/icons/library-big';
import Layers from '@lucide/svelte/icons/layers';
import ScrollText from '@lucide/svelte/icons/scroll-text';
import Settings from '@lucide/svelte/icons/settings';
import ShieldCheck from '@lucide/svelte/icons/shield-check';
import Ticket from '@lucide/svelte/icons/ticket';
import Users from '@lucide/svelte/icons/users';
import type { Role } from '$lib/api/types';

interface PageEntry {
	href: string;
	title: string;
	icon: Component;
	/** What it is for: the palette searches it too. */
	about: string;
	/** Who sees it. */
	least: Role;
}

export interface Section {
	title: string;
	pages: PageEntry[];
}

const page = (href: string, title: string, icon: Component, about: string, least: Role = 'readonly'): PageEntry => ({
	href,
	title,
	icon,
	about,
	least
});

/** Every page, in the order of the navigation. A page that is not here cannot be found by anybody. */
export const SECTIONS: Section[] = [
	{
		title: '',
		pages: [page('/', 'Dashboard', Gauge, 'What runs, what needs you, what comes next')]
	},
	{
		title: 'Tapes',
		pages: [
			page('/library', 'Library', LibraryBig, 'Magazines, slots, robots, mail slots'),
			page('/drives', 'Drives', HardDrive, 'Health, alerts, load, eject, clean'),
			page('/tapes', 'Tapes', Cassette, 'Cartridges, labels, bar codes, locations'),
			page('/pools', 'Pools', Layers, 'Groups of tapes, retention, reuse')
		]
	},
	{
		title: 'Backups',
		pages: [
			page('/sources', 'Sources', Folder, 'Folders to back up, include and exclude patterns'),
			page('/jobs', 'Jobs', BriefcaseBusiness, 'What is backed up when and where to'),
			page('/runs', 'Runs', Activity, 'Everything that ran or runs, with progress and logs'),
			page('/restore', 'Restore', ArchiveRestore, 'Browse, search, get files back'),
			page('/coverage', 'Coverage', ShieldCheck, 'How many copies there are of what')
		]
	},
	{
		title: 'Administration',
		pages: [
			page('/keys', 'Encryption keys', Key, 'Create, import, print key sheets'),
			page('/api-keys', 'API keys', Ticket, 'Access for programs', 'admin'),
			page('/users', 'Users', Users, 'People and their roles', 'admin'),
			page('/audit', 'Audit log', ScrollText, 'Who did what', 'operator'),
			page('/events', 'Events', Bell, 'What happened'),
			page('/notifications', 'Notifications', BellRing, 'Who is told of what: mail, Telegram, ntfy, Gotify, webhooks, rules, outbox', 'operator'),
			page('/database', 'Database', Database, 'Backups of the catalog, checks'),
			page('/settings', 'Settings', Settings, 'How the server works', 'operator')
		]
	},
	{
		title: 'Help',
		pages: [
			page('/start', 'First steps', Footprints, 'From nothing to a first verified tape', 'operator'),
			page('/docs', 'Documentation', BookOpen, 'Guides, tape format, recovery by hand'),
			page('/about', 'About', Info, 'Version, licences')
		]
	}
];

/** Pages inside others: only the palette names them. */
export const INNER_PAGES: PageEntry[] = [
	page('/notifications/rules', 'Notification rules', BellRing, 'Which messages go where, quiet hours, digests', 'operator'),
	page('/notifications/outbox', 'Outbox', BellRing, 'Notifications that wait, were sent or were given up', 'operator'),
	page('/notifications/templates', 'Words of notifications', BellRing, 'Templates of messages, with a preview', 'operator')
];

/** Whether `href` is where `path` belongs. */
export function isCurrent(href: string, path: string): boolean {
	return href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`);
}
