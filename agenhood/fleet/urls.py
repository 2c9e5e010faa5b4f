"""Included under /w/<slug>/."""

from django.urls import path

from agenhood.fleet.views import (
    agent,
    agent_edit,
    agent_revisions,
    agent_templates,
    artifact,
    conversation,
    credential,
    credential_edit,
    history,
    palette,
    project,
    prompt,
    prompt_labels,
    prompt_versions,
)

app_name = "fleet"
urlpatterns = [
    path("agents/", agent.agent_list, name="agent-list"),
    path("agents/bulk/", agent.agent_bulk, name="agent-bulk"),
    path("agents/new/", agent_edit.agent_create, name="agent-create"),
    path("agents/templates/", agent_templates.template_list, name="agent-template-list"),
    path(
        "agents/templates/<uuid:template_id>/",
        agent_templates.template_detail,
        name="agent-template-detail",
    ),
    path(
        "agents/templates/<uuid:template_id>/rename/",
        agent_templates.template_rename,
        name="agent-template-rename",
    ),
    path(
        "agents/templates/<uuid:template_id>/delete/",
        agent_templates.template_delete,
        name="agent-template-delete",
    ),
    path("agents/<uuid:agent_id>/", agent.agent_detail, name="agent-detail"),
    path(
        "agents/<uuid:agent_id>/configuration/",
        agent.agent_configuration,
        name="agent-configuration",
    ),
    path("agents/<uuid:agent_id>/edit/", agent_edit.agent_edit, name="agent-edit"),
    path("agents/<uuid:agent_id>/pause/", agent.agent_pause, name="agent-pause"),
    path("agents/<uuid:agent_id>/resume/", agent.agent_resume, name="agent-resume"),
    path("agents/<uuid:agent_id>/archive/", agent.agent_archive, name="agent-archive"),
    path("agents/<uuid:agent_id>/restore/", agent.agent_restore, name="agent-restore"),
    path(
        "agents/<uuid:agent_id>/template/",
        agent_templates.template_create,
        name="agent-template-create",
    ),
    path(
        "agents/<uuid:agent_id>/revisions/",
        agent_revisions.revision_list,
        name="agent-revision-list",
    ),
    path(
        "agents/<uuid:agent_id>/revisions/compare/",
        agent_revisions.revision_diff,
        name="agent-revision-diff",
    ),
    path(
        "agents/<uuid:agent_id>/revisions/<int:number>/",
        agent_revisions.revision_detail,
        name="agent-revision-detail",
    ),
    path(
        "agents/<uuid:agent_id>/revisions/<int:number>/restore/",
        agent_revisions.revision_restore,
        name="agent-revision-restore",
    ),
    path("credentials/", credential.credential_list, name="credential-list"),
    path("credentials/new/", credential_edit.credential_create, name="credential-create"),
    path(
        "credentials/<uuid:credential_id>/", credential.credential_detail, name="credential-detail"
    ),
    path(
        "credentials/<uuid:credential_id>/edit/",
        credential_edit.credential_edit,
        name="credential-edit",
    ),
    path(
        "credentials/<uuid:credential_id>/rotate/",
        credential_edit.credential_rotate,
        name="credential-rotate",
    ),
    path(
        "credentials/<uuid:credential_id>/revoke/",
        credential.credential_revoke,
        name="credential-revoke",
    ),
    path(
        "credentials/<uuid:credential_id>/delete/",
        credential.credential_delete,
        name="credential-delete",
    ),
    path("projects/", project.project_list, name="project-list"),
    path("projects/new/", project.project_create, name="project-create"),
    path("projects/<uuid:project_id>/", project.project_detail, name="project-detail"),
    path("projects/<uuid:project_id>/rename/", project.project_rename, name="project-rename"),
    path("projects/<uuid:project_id>/archive/", project.project_archive, name="project-archive"),
    path("projects/<uuid:project_id>/restore/", project.project_restore, name="project-restore"),
    path("projects/<uuid:project_id>/delete/", project.project_delete, name="project-delete"),
    path("prompts/", prompt.prompt_list, name="prompt-list"),
    path("prompts/new/", prompt.prompt_create, name="prompt-create"),
    path("prompts/<uuid:prompt_id>/", prompt.prompt_detail, name="prompt-detail"),
    path("prompts/<uuid:prompt_id>/edit/", prompt.prompt_edit, name="prompt-edit"),
    path("prompts/<uuid:prompt_id>/archive/", prompt.prompt_archive, name="prompt-archive"),
    path("prompts/<uuid:prompt_id>/restore/", prompt.prompt_restore, name="prompt-restore"),
    path("prompts/<uuid:prompt_id>/delete/", prompt.prompt_delete, name="prompt-delete"),
    path(
        "prompts/<uuid:prompt_id>/versions/",
        prompt_versions.version_list,
        name="prompt-version-list",
    ),
    path(
        "prompts/<uuid:prompt_id>/versions/new/",
        prompt_versions.version_create,
        name="prompt-version-create",
    ),
    path(
        "prompts/<uuid:prompt_id>/versions/compare/",
        prompt_versions.version_diff,
        name="prompt-version-diff",
    ),
    path(
        "prompts/<uuid:prompt_id>/versions/<int:number>/preview/",
        prompt_versions.version_preview,
        name="prompt-version-preview",
    ),
    path(
        "prompts/<uuid:prompt_id>/labels/",
        prompt_labels.label_move,
        name="prompt-label-move",
    ),
    path(
        "prompts/<uuid:prompt_id>/labels/<uuid:label_id>/roll-back/",
        prompt_labels.label_roll_back,
        name="prompt-label-roll-back",
    ),
    path(
        "prompts/<uuid:prompt_id>/labels/<uuid:label_id>/remove/",
        prompt_labels.label_remove,
        name="prompt-label-remove",
    ),
    path("go/", palette.palette, name="palette"),
    path("history/", history.history_list, name="history-list"),
    path("history/export/", history.history_export, name="history-export"),
    path("history/views/new/", history.history_view_create, name="history-view-create"),
    path(
        "history/views/<uuid:savedview_id>/delete/",
        history.history_view_delete,
        name="history-view-delete",
    ),
    path("conversations/", conversation.conversation_list, name="conversation-list"),
    path(
        "conversations/<uuid:conversation_id>/",
        conversation.conversation_detail,
        name="conversation-detail",
    ),
    path(
        "conversations/<uuid:conversation_id>/tasks/<uuid:task_id>/",
        conversation.conversation_task,
        name="conversation-task",
    ),
    path(
        "conversations/<uuid:conversation_id>/events/<uuid:event_id>/",
        conversation.conversation_event,
        name="conversation-event",
    ),
    path(
        "conversations/<uuid:conversation_id>/rename/",
        conversation.conversation_rename,
        name="conversation-rename",
    ),
    path(
        "conversations/<uuid:conversation_id>/archive/",
        conversation.conversation_archive,
        name="conversation-archive",
    ),
    path(
        "conversations/<uuid:conversation_id>/restore/",
        conversation.conversation_restore,
        name="conversation-restore",
    ),
    path(
        "conversations/<uuid:conversation_id>/delete/",
        conversation.conversation_delete,
        name="conversation-delete",
    ),
    path("artifacts/", artifact.artifact_list, name="artifact-list"),
    path("artifacts/<uuid:artifact_id>/", artifact.artifact_detail, name="artifact-detail"),
    path("artifacts/<uuid:artifact_id>/image/", artifact.artifact_image, name="artifact-image"),
    path(
        "artifacts/<uuid:artifact_id>/download/",
        artifact.artifact_download,
        name="artifact-download",
    ),
    path("artifacts/<uuid:artifact_id>/delete/", artifact.artifact_delete, name="artifact-delete"),
    path("artifacts/of-task/<uuid:task_id>/zip/", artifact.artifact_zip, name="artifact-zip"),
]
