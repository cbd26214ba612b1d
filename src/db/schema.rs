//! Tables as diesel sees them. Generated from the migrations; the one place where a column's type is declared.
#![allow(missing_docs)]

diesel::table! {
    api_keys (id) {
        id -> Integer,
        name -> Text,
        key_hash -> Text,
        key_prefix -> Text,
        role -> Text,
        last_used_at -> Nullable<Timestamp>,
        expires_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    audit_chain (id) {
        id -> Integer,
        pruned_id -> Integer,
        pruned_hash -> Text,
        last_id -> Integer,
        last_hash -> Text,
    }
}

diesel::table! {
    audit_logs (id) {
        id -> Integer,
        user_id -> Nullable<Integer>,
        username -> Text,
        action -> Text,
        resource_type -> Text,
        resource_id -> Nullable<Integer>,
        outcome -> Text,
        details -> Nullable<Text>,
        ip_address -> Nullable<Text>,
        created_at -> Timestamp,
        hash -> Text,
    }
}

diesel::table! {
    backup_checkpoints (backup_set_id) {
        backup_set_id -> Integer,
        source_path -> Text,
        place -> Text,
        tape_id -> Nullable<Integer>,
        data_ended -> Nullable<Text>,
        checkpoint -> Nullable<Text>,
        frame_table -> Nullable<Binary>,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    backup_jobs (id) {
        id -> Integer,
        name -> Text,
        source_id -> Integer,
        pool_id -> Integer,
        backup_type -> Text,
        schedule_cron -> Text,
        time_zone -> Text,
        missed_runs -> Text,
        retention_days -> Integer,
        keep_last -> Nullable<Integer>,
        keep_daily -> Nullable<Integer>,
        keep_weekly -> Nullable<Integer>,
        keep_monthly -> Nullable<Integer>,
        keep_yearly -> Nullable<Integer>,
        database_backup -> Bool,
        enabled -> Bool,
        encryption_enabled -> Bool,
        encryption_key_id -> Nullable<Integer>,
        hw_encryption_enabled -> Bool,
        hw_encryption_key_id -> Nullable<Integer>,
        compression -> Text,
        compression_level -> Nullable<Integer>,
        verify_after -> Bool,
        last_run_at -> Nullable<Timestamp>,
        next_run_at -> Nullable<Timestamp>,
        rebuilt -> Bool,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    backup_set_parts (id) {
        id -> Integer,
        backup_set_id -> Integer,
        part_number -> Integer,
        tape_id -> Integer,
        tape_file -> BigInt,
        first_block -> BigInt,
        block_count -> BigInt,
        block_size -> Integer,
        toc_block -> BigInt,
        end_block -> BigInt,
        tar_start -> BigInt,
        tar_end -> BigInt,
        prelude_bytes -> BigInt,
        stream_bytes -> BigInt,
        member_count -> BigInt,
        file_count -> BigInt,
        content_bytes -> BigInt,
        frame_table -> Binary,
        layout -> Text,
        created_at -> Timestamp,
        verified_at -> Nullable<Timestamp>,
        cut_sha256 -> Nullable<Binary>,
    }
}

diesel::table! {
    backup_sets (id) {
        id -> Integer,
        uuid -> Text,
        job_id -> Integer,
        tape_id -> Integer,
        backup_type -> Text,
        start_time -> Timestamp,
        end_time -> Nullable<Timestamp>,
        status -> Text,
        file_count -> BigInt,
        total_bytes -> BigInt,
        stored_bytes -> BigInt,
        warning_count -> BigInt,
        deleted_count -> BigInt,
        start_block -> Nullable<BigInt>,
        end_block -> Nullable<BigInt>,
        checksum -> Nullable<Text>,
        encrypted -> Bool,
        encryption_key_id -> Nullable<Integer>,
        hw_encrypted -> Bool,
        hw_encryption_key_id -> Nullable<Integer>,
        compressed -> Bool,
        compression_type -> Text,
        format_type -> Text,
        parent_set_id -> Nullable<Integer>,
        verified_at -> Nullable<Timestamp>,
        protected -> Bool,
        expires_at -> Nullable<Timestamp>,
        parent_uuid -> Nullable<Text>,
        parts_expected -> Nullable<Integer>,
        incomplete_reason -> Nullable<Text>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    backup_sources (id) {
        id -> Integer,
        name -> Text,
        source_type -> Text,
        path -> Text,
        include_patterns -> Text,
        exclude_patterns -> Text,
        one_file_system -> Bool,
        case_insensitive -> Bool,
        enabled -> Bool,
        rebuilt -> Bool,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    catalog_dir_sets (dir_id, set_id) {
        dir_id -> BigInt,
        set_id -> Integer,
    }
}

diesel::table! {
    catalog_dirs (id) {
        id -> BigInt,
        path -> Text,
    }
}

diesel::table! {
    catalog_index_progress (set_id) {
        set_id -> Integer,
        last_dir -> BigInt,
        last_name -> Text,
        done -> Bool,
    }
}

diesel::table! {
    catalog_names (dir_id, name) {
        dir_id -> BigInt,
        name -> Text,
        group_id -> BigInt,
    }
}

diesel::table! {
    catalog_owners (id) {
        id -> Integer,
        uid -> BigInt,
        gid -> BigInt,
        user_name -> Text,
        group_name -> Text,
    }
}

diesel::table! {
    catalog_search_groups (id) {
        id -> BigInt,
        dir_id -> BigInt,
        first_name -> Text,
        last_name -> Text,
    }
}

diesel::table! {
    catalog_versions (set_id, dir_id, name) {
        set_id -> Integer,
        dir_id -> BigInt,
        name -> Text,
        kind -> Integer,
        size -> BigInt,
        mode -> Integer,
        owner_id -> Integer,
        mtime_ns -> BigInt,
        ctime_ns -> BigInt,
        inode -> BigInt,
        sha256 -> Nullable<Binary>,
        tar_offset -> BigInt,
        tar_length -> BigInt,
        part -> Integer,
        block -> BigInt,
        link -> Nullable<Text>,
    }
}

diesel::table! {
    clock (id) {
        id -> Integer,
        believed_at -> Timestamp,
    }
}

diesel::table! {
    database_backups (id) {
        id -> Integer,
        tape_id -> Integer,
        backup_time -> Timestamp,
        file_size -> BigInt,
        checksum -> Nullable<Text>,
        block_offset -> Nullable<BigInt>,
        tape_file -> Nullable<BigInt>,
        set_uuid -> Nullable<Text>,
        status -> Text,
        error_message -> Nullable<Text>,
        created_at -> Timestamp,
        key_fingerprint -> Nullable<Text>,
        key_by_hand -> Bool,
    }
}

diesel::table! {
    drive_alerts (id) {
        id -> Integer,
        drive_id -> Integer,
        severity -> Text,
        category -> Text,
        message -> Text,
        resolved -> Bool,
        resolved_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    drive_statistics (id) {
        id -> Integer,
        drive_id -> Integer,
        total_bytes_read -> BigInt,
        total_bytes_written -> BigInt,
        read_errors -> BigInt,
        write_errors -> BigInt,
        total_load_count -> BigInt,
        cleaning_required -> Bool,
        last_cleaned_at -> Nullable<Timestamp>,
        power_on_hours -> BigInt,
        tape_motion_hours -> Double,
        temperature_c -> Nullable<Integer>,
        tape_alert_flags -> Text,
        back_hitches -> BigInt,
        starved_ms -> BigInt,
        updated_at -> Timestamp,
        lifetime_power_cycles -> BigInt,
        write_compression_pct -> Double,
        read_compression_pct -> Double,
    }
}

diesel::table! {
    encryption_keys (id) {
        id -> Integer,
        name -> Text,
        algorithm -> Text,
        key_data -> Text,
        key_fingerprint -> Text,
        description -> Nullable<Text>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        rotate_after_days -> Nullable<Integer>,
        retired_at -> Nullable<Timestamp>,
        successor_id -> Nullable<Integer>,
        sheet_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    events (id) {
        id -> Integer,
        event_type -> Text,
        category -> Text,
        title -> Text,
        message -> Text,
        details -> Nullable<Text>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    execution_logs (id) {
        id -> Integer,
        execution_id -> Integer,
        level -> Text,
        path -> Nullable<Text>,
        message -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    execution_throughput (execution_id) {
        execution_id -> Integer,
        series -> Text,
    }
}

diesel::table! {
    expired_sets (set_id) {
        set_id -> Integer,
        expired_at -> Timestamp,
    }
}

diesel::table! {
    forewarnings (subject) {
        subject -> Text,
        told_at -> Timestamp,
    }
}

diesel::table! {
    identities (user_id) {
        user_id -> Integer,
        issuer -> Text,
        subject -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    job_executions (id) {
        id -> Integer,
        kind -> Text,
        title -> Text,
        job_id -> Nullable<Integer>,
        backup_set_id -> Nullable<Integer>,
        status -> Text,
        phase -> Text,
        message -> Text,
        request -> Text,
        result -> Nullable<Text>,
        why -> Text,
        drive_id -> Nullable<Integer>,
        tape_id -> Nullable<Integer>,
        user_id -> Nullable<Integer>,
        start_time -> Nullable<Timestamp>,
        end_time -> Nullable<Timestamp>,
        files_total -> BigInt,
        bytes_total -> BigInt,
        files_processed -> BigInt,
        bytes_processed -> BigInt,
        warning_count -> BigInt,
        error_message -> Nullable<Text>,
        error_code -> Nullable<Text>,
        can_resume -> Bool,
        resume_state -> Nullable<Text>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    locked_keys (key_fingerprint, tape_id) {
        key_fingerprint -> Text,
        tape_id -> Integer,
        locked -> Text,
        found_at -> Timestamp,
    }
}

diesel::table! {
    notification_channels (id) {
        id -> Integer,
        name -> Text,
        kind -> Text,
        enabled -> Bool,
        config -> Text,
        secrets -> Nullable<Text>,
        settings_slot -> Nullable<Text>,
        failures -> Integer,
        last_sent_at -> Nullable<Timestamp>,
        last_error -> Nullable<Text>,
        last_error_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    notification_open (rule_id, problem) {
        rule_id -> Integer,
        problem -> Text,
        event_id -> Nullable<Integer>,
        notice -> Text,
        opened_at -> Timestamp,
        told_at -> Timestamp,
    }
}

diesel::table! {
    notification_outbox (id) {
        id -> Integer,
        channel_id -> Integer,
        rule_id -> Nullable<Integer>,
        event_id -> Nullable<Integer>,
        uid -> Text,
        topic -> Text,
        severity -> Text,
        title -> Text,
        notice -> Text,
        status -> Text,
        attempts -> Integer,
        next_attempt_at -> Timestamp,
        give_up_at -> Timestamp,
        merged_into -> Nullable<Integer>,
        last_error -> Nullable<Text>,
        answer -> Nullable<Text>,
        created_at -> Timestamp,
        given_up_at -> Nullable<Timestamp>,
        sent_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    notification_rule_channels (rule_id, channel_id) {
        rule_id -> Integer,
        channel_id -> Integer,
    }
}

diesel::table! {
    notification_rules (id) {
        id -> Integer,
        name -> Text,
        enabled -> Bool,
        topics -> Text,
        min_severity -> Text,
        job_ids -> Text,
        pool_ids -> Text,
        time_zone -> Text,
        quiet_from -> Text,
        quiet_until -> Text,
        errors_break_quiet -> Bool,
        digest_cron -> Text,
        reminder_minutes -> Integer,
        recovery -> Bool,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    notification_templates (topic, kind) {
        topic -> Text,
        kind -> Text,
        subject -> Text,
        body -> Text,
        html -> Text,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    proxmox_backup_jobs (id) {
        id -> Integer,
        name -> Text,
        description -> Nullable<Text>,
        node -> Nullable<Text>,
        vmid_filter -> Nullable<Text>,
        guest_type_filter -> Nullable<Text>,
        tag_filter -> Nullable<Text>,
        pool_id -> Nullable<Integer>,
        backup_mode -> Text,
        compress -> Nullable<Text>,
        schedule_cron -> Nullable<Text>,
        retention_days -> Integer,
        enabled -> Bool,
        last_run_at -> Nullable<Timestamp>,
        next_run_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    proxmox_backups (id) {
        id -> Integer,
        node -> Text,
        vmid -> Integer,
        guest_type -> Text,
        guest_name -> Nullable<Text>,
        tape_id -> Integer,
        backup_mode -> Text,
        compress -> Nullable<Text>,
        status -> Text,
        start_time -> Timestamp,
        end_time -> Nullable<Timestamp>,
        total_bytes -> BigInt,
        config_data -> Nullable<Text>,
        tape_block_start -> Nullable<BigInt>,
        tape_block_end -> Nullable<BigInt>,
        tape_file_number -> Nullable<BigInt>,
        error_message -> Nullable<Text>,
        notes -> Nullable<Text>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    proxmox_guests (id) {
        id -> Integer,
        node_name -> Text,
        vmid -> Integer,
        guest_type -> Text,
        name -> Nullable<Text>,
        status -> Nullable<Text>,
        cpu_count -> Nullable<Integer>,
        memory_max -> Nullable<BigInt>,
        disk_total -> Nullable<BigInt>,
        is_template -> Bool,
        tags -> Nullable<Text>,
        last_backup_id -> Nullable<Integer>,
        last_backup_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    proxmox_job_executions (id) {
        id -> Integer,
        job_id -> Integer,
        tape_id -> Nullable<Integer>,
        status -> Text,
        start_time -> Nullable<Timestamp>,
        end_time -> Nullable<Timestamp>,
        guests_total -> Integer,
        guests_completed -> Integer,
        guests_failed -> Integer,
        total_bytes -> BigInt,
        error_message -> Nullable<Text>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    proxmox_nodes (id) {
        id -> Integer,
        node_name -> Text,
        host -> Nullable<Text>,
        status -> Text,
        cpu_count -> Nullable<Integer>,
        memory_total -> Nullable<BigInt>,
        disk_total -> Nullable<BigInt>,
        is_cluster_member -> Bool,
        last_seen_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    proxmox_restores (id) {
        id -> Integer,
        backup_id -> Integer,
        source_node -> Text,
        target_node -> Text,
        source_vmid -> Integer,
        target_vmid -> Integer,
        guest_type -> Text,
        guest_name -> Nullable<Text>,
        target_storage -> Nullable<Text>,
        status -> Text,
        start_time -> Timestamp,
        end_time -> Nullable<Timestamp>,
        error_message -> Nullable<Text>,
        config_applied -> Bool,
        started_after_restore -> Bool,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    recovery_codes (id) {
        id -> Integer,
        user_id -> Integer,
        code_hash -> Text,
    }
}

diesel::table! {
    restore_operations (id) {
        id -> Integer,
        execution_id -> Nullable<Integer>,
        backup_set_id -> Nullable<Integer>,
        destination_type -> Text,
        destination_path -> Text,
        files_requested -> BigInt,
        files_restored -> BigInt,
        bytes_restored -> BigInt,
        status -> Text,
        error_message -> Nullable<Text>,
        verify_enabled -> Bool,
        verify_passed -> Nullable<Bool>,
        started_at -> Nullable<Timestamp>,
        completed_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    second_factors (user_id) {
        user_id -> Integer,
        secret -> Text,
        confirmed_at -> Nullable<Timestamp>,
        last_step -> Nullable<BigInt>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        user_id -> Integer,
        client -> Text,
        ip_address -> Nullable<Text>,
        created_at -> Timestamp,
        last_used_at -> Timestamp,
        expires_at -> Timestamp,
        by_provider -> Bool,
    }
}

diesel::table! {
    settings (key) {
        key -> Text,
        value -> Text,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    set_copies (set_id) {
        set_id -> Integer,
        copy_of -> Text,
    }
}

diesel::table! {
    snapshots (id) {
        id -> Integer,
        source_id -> Integer,
        backup_set_id -> Nullable<Integer>,
        created_at -> Timestamp,
        file_count -> BigInt,
        total_bytes -> BigInt,
        snapshot_data -> Nullable<Binary>,
    }
}

diesel::table! {
    tape_change_requests (id) {
        id -> Integer,
        job_execution_id -> Integer,
        spanning_set_id -> Nullable<Integer>,
        current_tape_id -> Nullable<Integer>,
        reason -> Text,
        status -> Text,
        requested_at -> Timestamp,
        acknowledged_at -> Nullable<Timestamp>,
        new_tape_id -> Nullable<Integer>,
        tape_id -> Nullable<Integer>,
        pool_id -> Nullable<Integer>,
        drive_id -> Nullable<Integer>,
        message -> Text,
        notice -> Nullable<Text>,
        resolved_at -> Nullable<Timestamp>,
        resolved_by -> Nullable<Text>,
    }
}

diesel::table! {
    tape_drives (id) {
        id -> Integer,
        device_path -> Text,
        serial_number -> Nullable<Text>,
        model -> Nullable<Text>,
        vendor -> Text,
        display_name -> Nullable<Text>,
        enabled -> Bool,
        status -> Text,
        current_tape_id -> Nullable<Integer>,
        library_id -> Nullable<Integer>,
        library_drive_number -> Nullable<Integer>,
        unknown_tape -> Nullable<Text>,
        error_message -> Nullable<Text>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    tape_health (id) {
        id -> Integer,
        tape_id -> Integer,
        drive_id -> Nullable<Integer>,
        drive_serial -> Text,
        mounts -> Nullable<BigInt>,
        bytes_written -> Nullable<BigInt>,
        bytes_read -> Nullable<BigInt>,
        write_retries -> Nullable<BigInt>,
        read_retries -> Nullable<BigInt>,
        unrecovered_write_errors -> Nullable<BigInt>,
        unrecovered_read_errors -> Nullable<BigInt>,
        beginning_passes -> Nullable<BigInt>,
        middle_passes -> Nullable<BigInt>,
        capacity_bytes -> Nullable<BigInt>,
        used_bytes -> Nullable<BigInt>,
        rewrites -> Nullable<BigInt>,
        rereads -> Nullable<BigInt>,
        write_compression_ratio -> Nullable<Double>,
        read_compression_ratio -> Nullable<Double>,
        tape_alert_flags -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        effective_capacity_bytes -> Nullable<BigInt>,
    }
}

diesel::table! {
    tape_libraries (id) {
        id -> Integer,
        name -> Text,
        device_path -> Text,
        vendor -> Text,
        model -> Text,
        serial_number -> Text,
        num_slots -> Integer,
        num_drives -> Integer,
        num_import_export -> Integer,
        barcode_reader -> Bool,
        enabled -> Bool,
        last_inventory_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    tape_library_slots (id) {
        id -> Integer,
        library_id -> Integer,
        slot_number -> Integer,
        slot_type -> Text,
        tape_id -> Nullable<Integer>,
        barcode -> Text,
        is_empty -> Bool,
        drive_id -> Nullable<Integer>,
        accessible -> Bool,
        exception -> Nullable<Text>,
        source_slot -> Nullable<Integer>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    tape_pools (id) {
        id -> Integer,
        name -> Text,
        description -> Nullable<Text>,
        retention_days -> Integer,
        keep_last -> Integer,
        keep_daily -> Integer,
        keep_weekly -> Integer,
        keep_monthly -> Integer,
        keep_yearly -> Integer,
        allow_reuse -> Integer,
        allocation_policy -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        write_once -> Text,
        key_lock -> Nullable<Text>,
        key_lock_secret -> Nullable<Text>,
        key_lock_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    tape_spanning_members (id) {
        id -> Integer,
        spanning_set_id -> Integer,
        tape_id -> Integer,
        backup_set_id -> Integer,
        sequence_number -> Integer,
        bytes_written -> BigInt,
        files_start_index -> BigInt,
        files_end_index -> BigInt,
        created_at -> Timestamp,
    }
}

diesel::table! {
    tape_spanning_sets (id) {
        id -> Integer,
        job_id -> Integer,
        total_tapes -> Integer,
        total_bytes -> BigInt,
        total_files -> BigInt,
        status -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    tapes (id) {
        id -> Integer,
        uuid -> Nullable<Text>,
        barcode -> Nullable<Text>,
        label -> Text,
        pool_id -> Nullable<Integer>,
        status -> Text,
        lto_type -> Text,
        capacity_bytes -> BigInt,
        used_bytes -> BigInt,
        write_count -> Integer,
        last_written_at -> Nullable<Timestamp>,
        offsite_location -> Nullable<Text>,
        export_time -> Nullable<Timestamp>,
        import_time -> Nullable<Timestamp>,
        labeled_at -> Nullable<Timestamp>,
        encryption_key_fingerprint -> Text,
        encryption_key_name -> Text,
        format_type -> Text,
        end_file -> Nullable<BigInt>,
        end_block -> Nullable<BigInt>,
        status_before_export -> Nullable<Text>,
        hold_reason -> Nullable<Text>,
        writing_set -> Nullable<Text>,
        last_verified_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        write_once -> Bool,
        lost_at -> Nullable<Timestamp>,
        lost_reason -> Nullable<Text>,
        labelling_uuid -> Nullable<Text>,
    }
}

diesel::table! {
    telegram_chats (id) {
        id -> Integer,
        channel_id -> Integer,
        chat_id -> BigInt,
        sender_id -> BigInt,
        sender_name -> Text,
        user_id -> Integer,
        last_used_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    telegram_codes (code_hash) {
        code_hash -> Text,
        channel_id -> Integer,
        user_id -> Integer,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    telegram_offsets (channel_id) {
        channel_id -> Integer,
        next_update -> Integer,
    }
}

diesel::table! {
    users (id) {
        id -> Integer,
        username -> Text,
        password_hash -> Text,
        role -> Text,
        token_generation -> Integer,
        last_login_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        disabled_at -> Nullable<Timestamp>,
    }
}

diesel::joinable!(audit_logs -> users (user_id));
diesel::joinable!(backup_checkpoints -> backup_sets (backup_set_id));
diesel::joinable!(backup_jobs -> tape_pools (pool_id));
diesel::joinable!(backup_jobs -> backup_sources (source_id));
diesel::joinable!(backup_set_parts -> tapes (tape_id));
diesel::joinable!(backup_set_parts -> backup_sets (backup_set_id));
diesel::joinable!(backup_sets -> tapes (tape_id));
diesel::joinable!(backup_sets -> backup_jobs (job_id));
diesel::joinable!(catalog_index_progress -> backup_sets (set_id));
diesel::joinable!(catalog_versions -> catalog_owners (owner_id));
diesel::joinable!(catalog_versions -> catalog_dirs (dir_id));
diesel::joinable!(catalog_versions -> backup_sets (set_id));
diesel::joinable!(database_backups -> tapes (tape_id));
diesel::joinable!(drive_alerts -> tape_drives (drive_id));
diesel::joinable!(drive_statistics -> tape_drives (drive_id));
diesel::joinable!(execution_logs -> job_executions (execution_id));
diesel::joinable!(execution_throughput -> job_executions (execution_id));
diesel::joinable!(expired_sets -> backup_sets (set_id));
diesel::joinable!(job_executions -> users (user_id));
diesel::joinable!(job_executions -> tapes (tape_id));
diesel::joinable!(job_executions -> tape_drives (drive_id));
diesel::joinable!(job_executions -> backup_sets (backup_set_id));
diesel::joinable!(identities -> users (user_id));
diesel::joinable!(job_executions -> backup_jobs (job_id));
diesel::joinable!(locked_keys -> tapes (tape_id));
diesel::joinable!(notification_open -> notification_rules (rule_id));
diesel::joinable!(notification_outbox -> notification_channels (channel_id));
diesel::joinable!(notification_outbox -> notification_rules (rule_id));
diesel::joinable!(notification_rule_channels -> notification_rules (rule_id));
diesel::joinable!(notification_rule_channels -> notification_channels (channel_id));
diesel::joinable!(proxmox_backup_jobs -> tape_pools (pool_id));
diesel::joinable!(proxmox_backups -> tapes (tape_id));
diesel::joinable!(proxmox_guests -> proxmox_backups (last_backup_id));
diesel::joinable!(proxmox_job_executions -> tapes (tape_id));
diesel::joinable!(proxmox_job_executions -> proxmox_backup_jobs (job_id));
diesel::joinable!(proxmox_restores -> proxmox_backups (backup_id));
diesel::joinable!(recovery_codes -> second_factors (user_id));
diesel::joinable!(restore_operations -> backup_sets (backup_set_id));
diesel::joinable!(restore_operations -> job_executions (execution_id));
diesel::joinable!(second_factors -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(set_copies -> backup_sets (set_id));
diesel::joinable!(snapshots -> backup_sets (backup_set_id));
diesel::joinable!(snapshots -> backup_sources (source_id));
diesel::joinable!(tape_change_requests -> tape_spanning_sets (spanning_set_id));
diesel::joinable!(tape_change_requests -> job_executions (job_execution_id));
diesel::joinable!(telegram_chats -> notification_channels (channel_id));
diesel::joinable!(telegram_chats -> users (user_id));
diesel::joinable!(tape_drives -> tape_libraries (library_id));
diesel::joinable!(tape_drives -> tapes (current_tape_id));
diesel::joinable!(tape_health -> tape_drives (drive_id));
diesel::joinable!(tape_health -> tapes (tape_id));
diesel::joinable!(tape_library_slots -> tape_drives (drive_id));
diesel::joinable!(tape_library_slots -> tapes (tape_id));
diesel::joinable!(tape_library_slots -> tape_libraries (library_id));
diesel::joinable!(tape_spanning_members -> backup_sets (backup_set_id));
diesel::joinable!(tape_spanning_members -> tapes (tape_id));
diesel::joinable!(tape_spanning_members -> tape_spanning_sets (spanning_set_id));
diesel::joinable!(tape_spanning_sets -> backup_jobs (job_id));
diesel::joinable!(tapes -> tape_pools (pool_id));

diesel::allow_tables_to_appear_in_same_query!(
    api_keys,
    audit_chain,
    audit_logs,
    backup_checkpoints,
    backup_jobs,
    backup_set_parts,
    backup_sets,
    backup_sources,
    catalog_dir_sets,
    catalog_dirs,
    catalog_index_progress,
    catalog_names,
    catalog_owners,
    catalog_search_groups,
    catalog_versions,
    clock,
    database_backups,
    drive_alerts,
    drive_statistics,
    encryption_keys,
    events,
    execution_logs,
    execution_throughput,
    expired_sets,
    forewarnings,
    identities,
    job_executions,
    locked_keys,
    notification_channels,
    notification_open,
    notification_outbox,
    notification_rule_channels,
    notification_rules,
    notification_templates,
    proxmox_backup_jobs,
    proxmox_backups,
    proxmox_guests,
    proxmox_job_executions,
    proxmox_nodes,
    proxmox_restores,
    recovery_codes,
    restore_operations,
    second_factors,
    sessions,
    settings,
    set_copies,
    snapshots,
    tape_change_requests,
    tape_drives,
    tape_health,
    tape_libraries,
    tape_library_slots,
    tape_pools,
    tape_spanning_members,
    tape_spanning_sets,
    tapes,
    telegram_chats,
    telegram_codes,
    telegram_offsets,
    users,
);
