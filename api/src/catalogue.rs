//! The workspace's choice lists: one shape for all.

use kartoteka_domain::catalogue::{
    ContactStatus, ListCatalogue, LostReason, NewContactStatus, NewLostReason, NewRejectReason, NewSource, NewTag, RejectReason, Source,
    Tag,
};

use crate::{crud, record};

crud! { Source, NewSource, ListCatalogue; "sources", "/v1/sources", "/v1/sources/{id}", "/v1/sources/{id}/restore";
    list list_sources "List sources", get get_source "Get a source", read ReadSources;
    create create_source "Create a source", right CreateSources, by crud::create;
    update update_source "Change a source", right UpdateSources, by crud::update;
    archive archive_source "Archive a source", by record::archive::<Source>;
    restore restore_source "Restore a source", by record::restore::<Source>;
}
crud! { ContactStatus, NewContactStatus, ListCatalogue; "contact-statuses", "/v1/contact-statuses", "/v1/contact-statuses/{id}", "/v1/contact-statuses/{id}/restore";
    list list_contact_statuses "List contact statuses", get get_contact_status "Get a contact status", read ReadContactStatuses;
    create create_contact_status "Create a contact status", right CreateContactStatuses, by crud::create;
    update update_contact_status "Change a contact status", right UpdateContactStatuses, by crud::update;
    archive archive_contact_status "Archive a contact status", by record::archive::<ContactStatus>;
    restore restore_contact_status "Restore a contact status", by record::restore::<ContactStatus>;
}
crud! { RejectReason, NewRejectReason, ListCatalogue; "reject-reasons", "/v1/reject-reasons", "/v1/reject-reasons/{id}", "/v1/reject-reasons/{id}/restore";
    list list_reject_reasons "List reject reasons", get get_reject_reason "Get a reject reason", read ReadRejectReasons;
    create create_reject_reason "Create a reject reason", right CreateRejectReasons, by crud::create;
    update update_reject_reason "Change a reject reason", right UpdateRejectReasons, by crud::update;
    archive archive_reject_reason "Archive a reject reason", by record::archive::<RejectReason>;
    restore restore_reject_reason "Restore a reject reason", by record::restore::<RejectReason>;
}
crud! { LostReason, NewLostReason, ListCatalogue; "lost-reasons", "/v1/lost-reasons", "/v1/lost-reasons/{id}", "/v1/lost-reasons/{id}/restore";
    list list_lost_reasons "List lost reasons", get get_lost_reason "Get a lost reason", read ReadLostReasons;
    create create_lost_reason "Create a lost reason", right CreateLostReasons, by crud::create;
    update update_lost_reason "Change a lost reason", right UpdateLostReasons, by crud::update;
    archive archive_lost_reason "Archive a lost reason", by record::archive::<LostReason>;
    restore restore_lost_reason "Restore a lost reason", by record::restore::<LostReason>;
}
crud! { Tag, NewTag, ListCatalogue; "tags", "/v1/tags", "/v1/tags/{id}", "/v1/tags/{id}/restore";
    list list_tags "List tags", get get_tag "Get a tag", read ReadTags;
    create create_tag "Create a tag", right CreateTags, by crud::create;
    update update_tag "Change a tag", right UpdateTags, by crud::update;
    archive archive_tag "Archive a tag", by record::archive::<Tag>;
    restore restore_tag "Restore a tag", by record::restore::<Tag>;
}
