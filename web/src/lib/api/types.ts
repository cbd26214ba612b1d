/** Short names for the types of the API's own description. */
import type { components } from './schema';

export type Schemas = components['schemas'];
export type Drive = Schemas['DriveView'];
export type Attention = Schemas['Attention'];
export type Execution = Schemas['ExecutionView'];
export type ExecutionDetail = Schemas['ExecutionDetail'];
export type LogLine = Schemas['LogLine'];
export type Progress = Schemas['ProgressView'];
export type StoredEvent = Schemas['StoredEvent'];
export type Throughput = Schemas['Throughput'];
export type ThroughputNews = Schemas['ThroughputNews'];
export type TapeChange = Schemas['TapeChangeListed'];
export type Tape = Schemas['TapeListed'];
export type TapeDetail = Schemas['TapeDetail'];
export type Pool = Schemas['PoolListed'];
export type Library = Schemas['Library'];
export type Slot = Schemas['SlotListed'];
export type Job = Schemas['JobListed'];
export type Source = Schemas['SourceView'];
export type PastRun = Schemas['PastRun'];
export type BackupSet = Schemas['SetListed'];
export type Role = Schemas['Role'];
