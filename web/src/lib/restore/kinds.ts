import type { Component } from 'svelte';
import File from '@lucide/svelte/icons/file';
import Folder from '@lucide/svelte/icons/folder';
import Link from '@lucide/svelte/icons/link';
import Plug from '@lucide/svelte/icons/plug';

const ICONS: Record<string, Component> = { directory: Folder, file: File, symlink: Link, hardlink: Link };

/** The picture of an entry. */
export function iconOf(kind: string): Component {
	return ICONS[kind] ?? Plug;
}

/** What an entry is, in a word. */
export function kindWord(kind: string): string {
	return kind === 'directory' ? 'folder' : kind;
}
